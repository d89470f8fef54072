import CareDomain
import Testing

@testable import CareDesk

/// What rules find in papers as they are, and that they find nothing that is not there.
@Suite(.timeLimit(.minutes(5)))
struct `Documents, read by rules` {
    private func read(_ text: String) -> Extraction { Extraction.byRules(Samples.pages(text)) }

    private func named(_ name: String, _ extraction: Extraction) throws -> Extraction.Item {
        try #require(extraction.items.first { $0.name == name }, "\(extraction.items.map(\.name))")
    }

    @Test func `a laboratory's table is told row by row, with its units and ranges`() throws {
        let found = read(Samples.laboratory)
        #expect(found.kind == .laboratory)
        #expect(found.date?.value == "2026-03-14", "not the birth, not the collection")
        #expect(found.issuer?.value == "Al Noor Medical Laboratory")
        #expect(
            found.items.map(\.name) == [
                "Haemoglobin", "WBC", "Platelets", "Vitamin B12", "Glucose (fasting)", "Creatinine", "HbA1c", "Sodium",
                "INR", "HBsAg",
            ])
        let haemoglobin = try named("Haemoglobin", found)
        #expect(haemoglobin.value == "11.2" && haemoglobin.unit == "g/dL" && haemoglobin.reference == "12.0 - 15.5")
        #expect(haemoglobin.passage == "Haemoglobin 11.2 L g/dL 12.0 - 15.5")
        let white = try named("WBC", found)
        #expect(white.value == "6.4" && white.unit == "x10^9/L")
        #expect(try named("HbA1c", found).reference == "<5.7")
        #expect(try named("HBsAg", found).value == "Negative")
        #expect(found.items.allSatisfy { $0.category == .measurement && !$0.isUncertain && $0.page == 1 })
    }

    @Test func `an MRI's sentences keep their denial across a broken line`() {
        let found = read(Samples.magnetic)
        #expect(found.kind == .imaging)
        #expect(found.date?.value == "2026-02-03")
        #expect(found.issuer?.value == "King Salman Hospital")
        let names = found.items.map(\.name)
        #expect(names.contains("No evidence of Fracture or bone contusion."), "\(names)")
        #expect(names.contains("Tear of the medial meniscus.") && names.contains("No ligament injury."), "\(names)")
        #expect(!names.contains { $0.hasPrefix("Fracture") })
        #expect(found.items.allSatisfy { $0.category == .finding })
    }

    @Test func `a discharge letter has medicines, allergies, a diagnosis and pressures`() throws {
        let found = read(Samples.discharge)
        #expect(found.kind == .discharge)
        #expect(found.date?.value == "2026-03-09")
        let metformin = try named("Metformin", found)
        #expect(metformin.category == .medicine && metformin.value == "500" && metformin.unit == "mg")
        #expect(try named("Insulin glargine", found).unit == "units")
        #expect(try named("Stop ibuprofen", found).isUncertain, "what was stopped is not something that is taken")
        #expect(found.items.filter { $0.category == .allergy }.map(\.name) == ["penicillin (rash)", "latex"])
        #expect(try named("BP", found).value == "130/85")
        #expect(try named("Haemoglobin", found).reference == "13.0–17.0")
        #expect(found.items.contains { $0.category == .finding && $0.name == "No evidence of pancreatitis." })
    }

    @Test func `a prescription, and no known allergies as it is written`() throws {
        let found = read(Samples.prescription)
        #expect(found.kind == .prescription)
        #expect(found.date?.value == "2026-04-02")
        let amoxicillin = try named("Amoxicillin/clavulanate", found)
        #expect(amoxicillin.value == "875/125" && amoxicillin.unit == "mg")
        #expect(found.items.contains { $0.category == .allergy && $0.name == "NKDA" }, "\(found.items)")
    }

    @Test func `Arabic rows keep their digits as they are written`() throws {
        let found = read(Samples.arabicLaboratory)
        #expect(found.kind == .laboratory)
        #expect(found.date?.value == "2026-03-14")
        #expect(found.issuer?.value == "مختبر الشفاء الطبي")
        let haemoglobin = try named("الهيموغلوبين", found)
        #expect(haemoglobin.value == "١٣٫٢" && haemoglobin.unit == "غ/دل" && haemoglobin.reference == "١٢٫٠ - ١٥٫٥")
        #expect(found.items.count == 4)
        #expect(!haemoglobin.isUncertain)
    }

    @Test func `an Arabic MRI has findings, an allergy and a medicine`() throws {
        let found = read(Samples.arabicMagnetic)
        #expect(found.kind == .imaging)
        #expect(found.date?.value == "2026-02-15")
        #expect(found.issuer?.value == "مستشفى الأمل التخصصي")
        #expect(found.items.contains { $0.category == .finding && $0.name == "لا يوجد كسر." }, "\(found.items)")
        #expect(found.items.contains { $0.category == .allergy && $0.name == "البنسلين" }, "\(found.items)")
        let medicine = try #require(found.items.first { $0.category == .medicine })
        #expect(medicine.name == "باراسيتامول" && medicine.value == "٥٠٠" && medicine.unit == "ملغ")
    }

    @Test func `an invoice measures nothing`() {
        let found = read(Samples.invoice)
        #expect(found.kind == .invoice)
        #expect(found.items.isEmpty, "\(found.items)")
        #expect(found.date?.value == "2026-03-20")
    }

    @Test(arguments: [
        ("Date: 2026-03-14", "2026-03-14", false), ("Date: 14/03/2026", "2026-03-14", false),
        ("Date: 03/04/2026", "03/04/2026", true), ("Date: 14 March 2026", "2026-03-14", false),
        ("Report date: March 14, 2026", "2026-03-14", false), ("Date: 14th of March 2026", "2026-03-14", false),
        ("Date: 14-Mar-2026", "2026-03-14", false), ("التاريخ: ١٤ مارس ٢٠٢٦", "2026-03-14", false),
        ("التاريخ: ١٥ كانون الثاني ٢٠٢٦", "2026-01-15", false), ("التاريخ: ٠٣/٠٤/٢٠٢٦", "٠٣/٠٤/٢٠٢٦", true),
        ("DOB: 14/03/1970  Date: 15/03/2026", "2026-03-15", false), ("التاريخ: 1447/09/15", "1447/09/15", true),
        ("Date: 05/05/2026", "2026-05-05", false),
    ])
    func `dates`(_ line: String, _ value: String, _ isUncertain: Bool) {
        let date = read(line).date
        #expect(date?.value == value)
        #expect(date?.isUncertain == isUncertain)
    }

    @Test(arguments: [
        "Date of birth: 14/03/1970", "تاريخ الميلاد: ١٤/٠٣/١٩٧٠", "Date: 31/02/2026", "Valid until 14/03/2031",
    ])
    func `a birth, an expiry and a day that is none are no date`(_ line: String) { #expect(read(line).date == nil) }

    @Test func `what a poor picture says is uncertain, and a lost point is seen in a good one`() {
        let row = "Haemoglobin   132   g/dL   12.0 - 15.5"
        let other = "Sodium   139   mmol/L   135 - 145"
        let poor = Extraction.byRules(Samples.pages(other, source: .recognised, confidence: 60))
        #expect(poor.items.map(\.isUncertain) == [true])
        let good = Extraction.byRules(Samples.pages(row + "\n" + other, source: .recognised, confidence: 95))
        #expect(good.items.map(\.isUncertain) == [true, false])
        let misread = read("Creatinine   O.9   mg/dL   0.6 - 1.1")
        #expect(misread.items.map(\.isUncertain) == [true], "\(misread.items)")
    }

    /// What is repeated and how often, so that a log names it in one line.
    @Test(arguments: [
        ("", 1), (" \n\n ", 1), ("\u{0}\u{202E}\u{200B}", 1), ("a", 200_000), ("1", 200_000), ("1 mg ", 40_000),
        ("Impression: no. ", 12_000), ("\n", 50_000), ("Hb 13.2 g/dL\n", 50_000), ("Diagnosis: x of\n", 50_000),
        ("(", 200_000), ("حساسية من ", 20_000), ("1/2/3 < - .", 18_000), ("| ", 100_000), ("Impression:\nno\n", 25_000),
    ])
    func `whatever a stranger sends, it ends and is bounded`(_ part: String, _ times: Int) {
        let text = String(repeating: part, count: times)
        let pages = Samples.pages(text)
        let found = Extraction.byRules(pages)
        #expect(found.items.count <= Extraction.itemLimit)
        #expect(found.items.allSatisfy { $0.passage.unicodeScalars.count <= Extraction.passageLimit })
        #expect(found.items.allSatisfy { $0.name.unicodeScalars.count <= Extraction.nameLimit })
        #expect(found.checked(against: pages).items.count <= found.items.count)
    }

    @Test func `of more than can be told, rows of a table give way before an allergy`() {
        let rows = (1...300).map { "Sodium   \(100 + $0 % 50)   mmol/L   135 - 145" }.joined(separator: "\n")
        let found = Extraction.byRules(Samples.pages(rows, "Allergies: penicillin (rash)"))
        #expect(found.items.count == Extraction.itemLimit)
        #expect(found.items.last?.category == .allergy && found.items.last?.page == 2)
        #expect(found.items.first?.value == "101")
        let half = (1...150).map {
            Extraction.Item(category: .measurement, name: "Hb", value: "\($0)", page: 1, passage: "Hb")
        }
        let allergy = Extraction.Item(category: .allergy, name: "latex", page: 1, passage: "latex")
        #expect(Extraction.bounded(half + [allergy]) == half + [allergy], "as they are while there is room")
        let many = Extraction.bounded(half + half + [allergy])
        #expect(many.count == Extraction.itemLimit && many.last == allergy)
        #expect(Array(many.prefix(150)) == half)
    }

    @Test(arguments: [
        Samples.laboratory, Samples.magnetic, Samples.discharge, Samples.prescription, Samples.arabicLaboratory,
        Samples.arabicMagnetic, Samples.invoice,
    ])
    func `all of it stands in the document`(_ text: String) {
        let pages = Samples.pages(text)
        let found = Extraction.byRules(pages)
        #expect(found.checked(against: pages) == found)
    }
}
