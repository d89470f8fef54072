import CareDomain

@testable import CareDesk

/// Papers as hospitals print them, and as files give their text.
enum Samples {
    static func pages(
        _ texts: String..., source: PageText.Source = .embedded, confidence: Int? = nil
    ) -> [PageText] {
        texts.enumerated().map {
            PageText(number: $0.offset + 1, text: $0.element, source: source, confidence: confidence)
        }
    }

    static func paper(_ pages: [PageText], name: String = "report.pdf", _ extraction: Extraction? = nil) -> Paper {
        let document = Document(
            id: .new(), patientID: .new(), caseID: .new(), sequence: 1, name: name, mediaType: "application/pdf",
            bytes: 1_000, stage: .ready, page: pages.count, pages: pages.count, createdAt: Moment(milliseconds: 0))
        return Paper(document: document, extraction: extraction ?? Extraction.byRules(pages), pages: pages)
    }

    static let laboratory = """
        Al Noor Medical Laboratory                         Tel: 011-4567890
        LABORATORY REPORT
        Patient: Sara Haddad       DOB: 12/08/1971      MRN: 00482211
        Collected: 13/03/2026 08:10     Date of report: 14/03/2026

        Test                    Result    Flag   Unit        Reference range
        Haemoglobin             11.2      L      g/dL        12.0 - 15.5
        WBC                     6.4              x10^9/L     4.0 - 11.0
        Platelets               250              10^9/L      150 - 400
        Vitamin B12             310              pg/mL       200 - 900
        Glucose (fasting)       5.4              mmol/L      3.9 - 5.6
        Creatinine              0.9              mg/dL       0.6 - 1.1
        HbA1c                   5.6              %           <5.7
        Sodium                  139              mmol/L      135 - 145
        INR                     1.1                          0.8 - 1.2
        HBsAg                   Negative                     Negative
        Page 1 of 1
        """

    static let magnetic = """
        King Salman Hospital
        Department of Radiology
        MRI OF THE LEFT KNEE
        Name: Omar Saleh    Date of birth: 02 May 1966
        Study date: 3 February 2026

        TECHNIQUE: Sagittal and coronal sequences without contrast.

        FINDINGS:
        There is a horizontal tear of the posterior horn of the medial meniscus. No evidence of
        Fracture or bone contusion.
        The cruciate ligaments are intact.

        IMPRESSION:
        1. Tear of the medial meniscus.
        2. No ligament injury.

        Dr. A. Example, Consultant Radiologist
        """

    static let discharge = """
        St. Mary's Hospital
        DISCHARGE SUMMARY
        Date of admission: 1 March 2026
        Date of discharge: March 9, 2026
        Diagnosis: Acute cholecystitis. No evidence of pancreatitis.
        Allergies: penicillin (rash), latex
        On examination: BP 130/85 mmHg, pulse 76 bpm.

        Discharge medications:
        1. Tab. Metformin 500 mg twice daily
        2. Omeprazole 20 mg once daily before breakfast
        3. Stop ibuprofen 400 mg
        - Insulin glargine 10 units at night

        Follow up:
        Clinic in two weeks. Haemoglobin: 13.2 g/dL (13.0–17.0).
        """

    static let prescription = """
        Green Pharmacy Clinic
        PRESCRIPTION
        Date: 2026-04-02
        Rx:
        Amoxicillin/clavulanate 875/125 mg PO every 12 hours for 7 days
        Salbutamol inhaler 100 mcg 2 puffs as needed
        NKDA
        """

    static let arabicLaboratory = """
        مختبر الشفاء الطبي
        نتائج التحاليل
        تاريخ الميلاد: ١٢/٠٨/١٩٧١
        تاريخ التقرير: ١٤ آذار ٢٠٢٦
        الفحص            النتيجة    الوحدة       المدى المرجعي
        الهيموغلوبين      ١٣٫٢       غ/دل         ١٢٫٠ - ١٥٫٥
        السكر الصائم      ٩٨         ملغ/دل       ٧٠ - ١٠٠
        الكرياتينين       ٠٫٩        ملغ/دل       ٠٫٦ - ١٫١
        الصوديوم          ١٣٩        ممول/ل       ١٣٥ - ١٤٥
        """

    static let arabicMagnetic = """
        مستشفى الأمل التخصصي
        تقرير الأشعة: رنين مغناطيسي للركبة اليسرى
        التاريخ: 15/02/2026
        لديه حساسية من البنسلين

        الخلاصة:
        تمزق في الغضروف الهلالي الداخلي.
        لا يوجد كسر.

        الأدوية:
        - باراسيتامول ٥٠٠ ملغ مرتين يوميًا
        """

    static let invoice = """
        Al Amal Hospital
        INVOICE No. 4431
        Date: 20/03/2026
        Item              Qty     Unit price    Amount
        MRI knee          1       1,200.00      1,200.00
        VAT                       15 %          180.00
        Total amount due: SAR 1,380.00
        """
}
