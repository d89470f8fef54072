/// Magnitudes a living body can have. Outside of them a number was read or written wrongly, and somebody should look.
enum Plausible {
    private struct Bound: Sendable {
        /// Beginnings of words, as `Words` folds them.
        var names: [String]
        var units: Set<String>
        var range: ClosedRange<Double>
    }

    /// Never judges what it has no bound for, except a share above any.
    static func doubts(_ number: Double, name: String, unit: String) -> Bool {
        if unit == "%", number > 300 { return true }
        let words = Words(name).all
        for bound in bounds where bound.units.contains(unit) {
            let isNamed = words.contains { word in
                word.forms.contains { form in bound.names.contains { form.hasPrefix($0) } }
            }
            if isNamed { return !bound.range.contains(number) }
        }
        return false
    }

    /// Two numbers under one name are a blood pressure or nothing that can be judged.
    static func doubts(pair: String, name: String) -> Bool {
        let numbers = pair.split(separator: "/").compactMap { Double($0) }
        let isPressure = Words(name).all.contains { word in
            ["bp", "pressure", "الضغط", "ضغط"].contains(word.text)
        }
        guard isPressure else { return false }
        guard numbers.count == 2 else { return true }
        return !(50...300).contains(numbers[0]) || !(20...200).contains(numbers[1]) || numbers[0] <= numbers[1]
    }

    private static let bounds = [
        Bound(names: ["hba1c", "a1c", "السكر"], units: ["%"], range: 3...20),
        Bound(
            names: ["haemoglobin", "hemoglobin", "hb", "hgb", "هيموغلوبين", "هيموجلوبين", "خضاب"],
            units: ["g/dl", "غ/دل", "غم/دل", "جم/دل"], range: 2...25),
        Bound(names: ["haemoglobin", "hemoglobin", "hb", "hgb"], units: ["g/l", "غ/ل"], range: 20...250),
        Bound(names: ["potassium", "k", "بوتاسيوم"], units: ["mmol/l", "meq/l", "ممول/ل"], range: 1...10),
        Bound(names: ["sodium", "na", "صوديوم"], units: ["mmol/l", "meq/l", "ممول/ل"], range: 90...200),
        Bound(
            names: ["creatinine", "كرياتينين"], units: ["mg/dl", "ملغ/دل", "مغ/دل", "مجم/دل", "ملغم/دل"],
            range: 0.1...30),
        Bound(names: ["creatinine", "كرياتينين"], units: ["umol/l"], range: 10...3_000),
        Bound(
            names: ["glucose", "sugar", "غلوكوز", "جلوكوز", "سكر"],
            units: ["mg/dl", "ملغ/دل", "مغ/دل", "مجم/دل", "ملغم/دل"], range: 10...2_000),
        Bound(names: ["glucose", "sugar", "غلوكوز", "جلوكوز", "سكر"], units: ["mmol/l", "ممول/ل"], range: 0.5...110),
        Bound(
            names: ["wbc", "white", "leucocyte", "leukocyte"], units: ["109/l", "103/ul", "k/ul"], range: 0.05...600),
        Bound(names: ["platelet", "plt", "صفائح"], units: ["109/l", "103/ul", "k/ul"], range: 1...3_000),
        Bound(names: ["rbc", "red"], units: ["1012/l", "106/ul", "m/ul"], range: 0.5...10),
        Bound(names: ["ph"], units: [""], range: 4...9),
        Bound(names: ["inr"], units: ["", "ratio"], range: 0.5...20),
        Bound(names: ["temp", "حرار"], units: ["°c", "°م"], range: 25...45),
        Bound(names: ["pulse", "heart", "hr", "نبض"], units: ["bpm", "/min", "beats/min"], range: 20...300),
        Bound(names: ["spo2", "saturation", "oxygen"], units: ["%"], range: 30...100),
        Bound(names: ["ejection", "ef", "lvef", "haematocrit", "hematocrit", "hct"], units: ["%"], range: 5...90),
        Bound(names: ["weight", "wt", "وزن"], units: ["kg", "كغ", "كغم", "كجم"], range: 0.3...400),
        Bound(names: ["height", "ht", "طول"], units: ["cm", "سم"], range: 20...260),
    ]
}
