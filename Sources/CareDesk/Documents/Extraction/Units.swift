/// The units laboratories and wards print, and where one stands in a line.
enum Units {
    /// Words a unit may be made of ("x 10^9 / L").
    private static let partLimit = 5
    private static let lengthLimit = 24

    /// The longest known unit that begins at `begin`.
    static func measure(in line: PaperLine, from begin: Int) -> Range<Int>? {
        unit(in: line, from: begin) { measures.contains($0) }
    }

    static func dose(in line: PaperLine, from begin: Int) -> Range<Int>? {
        unit(in: line, from: begin) { unit in
            if doses.contains(unit) { return true }
            // "mg/5ml", "mcg/h"
            let parts = unit.split(separator: "/", maxSplits: 1)
            guard parts.count == 2, doses.contains(String(parts[0])) else { return false }
            let below = parts[1].drop { $0.isNumber }
            return ["ml", "h", "hr", "hour", "day", "kg", "tab", "tablet", "dose", "puff", "مل", "يوم"].contains(below)
        }
    }

    static func isMeasure(_ text: String) -> Bool { measures.contains(normal(PaperLine(text).flat[...])) }

    /// Without blanks, powers' signs and a leading "x": "× 10⁹ / L" and "10^9/L" are one.
    static func normal(_ flat: ArraySlice<Unicode.Scalar>) -> String {
        var kept = String.UnicodeScalarView()
        for scalar in flat where !Unmarked.isBlank(scalar) && !"^*.".unicodeScalars.contains(scalar) {
            if kept.isEmpty, scalar == "x" { continue }
            kept.append(scalar == "º" || scalar == "˚" ? "°" : scalar)
        }
        return String(kept)
    }

    private static func unit(
        in line: PaperLine, from begin: Int, isKnown: (String) -> Bool
    ) -> Range<Int>? {
        let flat = line.flat
        var best: Range<Int>?
        var end = begin
        var parts = 0
        while end < flat.count, parts < partLimit, end - begin < lengthLimit {
            while end < flat.count, end - begin < lengthLimit, !Unmarked.isBlank(flat[end]) {
                if "()[]|;,:".unicodeScalars.contains(flat[end]) { break }
                end += 1
            }
            var last = end
            while last > begin, flat[last - 1] == "." { last -= 1 }
            if last > begin, isKnown(normal(flat[begin..<last])) { best = begin..<last }
            guard end < flat.count, flat[end] == " ", end + 1 < flat.count, !Unmarked.isBlank(flat[end + 1]) else {
                break
            }
            end += 1
            parts += 1
        }
        return best
    }

    private static func set(_ words: String) -> Set<String> {
        Set(words.split(separator: " ").map { normal(PaperLine(String($0)).flat[...]) })
    }

    static let measures = set(
        """
        g/dl g/l mg/dl mg/l ug/dl ug/l ug/ml mcg/dl mcg/l mcg/ml ng/ml ng/dl ng/l pg/ml pg/dl pg/l pmol/l nmol/l \
        umol/l mmol/l mol/l mmol/mol meq/l iu/l iu/ml u/l u/ml miu/l miu/ml uiu/ml mu/l ku/l fl pg % \
        10^9/l 10^12/l 10^6/l 10^3/ul 10^6/ul 10^3/mm3 10^6/mm3 k/ul m/ul cells/ul cells/mm3 /ul /mm3 /cumm cells/cumm \
        10^3/cumm mil/ul mill/cumm lakhs/cumm thou/ul /hpf /lpf mm/h mm/hr mm/1h mm/hour sec secs second seconds s \
        ml/min ml/min/1.73m2 ml/min/1.73m² mg/24h mg/24hr g/24h mg/g mg/mmol ratio copies/ml mmhg kpa bpm beats/min \
        beats/minute /min breaths/min °c °f kg cm kg/m2 kg/m^2 mosm/kg eu/dl g% mg% titer \
        غ/دل غم/دل جم/دل غرام/دل جرام/دل غ/ل غم/ل جم/ل غ/ديسيلتر جم/ديسيلتر غم/ديسيلتر غرام/ديسيلتر جرام/ديسيلتر \
        ملغ/دل مغ/دل ملغم/دل مجم/دل ملجم/دل ملغ/ديسيلتر مغ/ديسيلتر ملغم/ديسيلتر مجم/ديسيلتر ملجم/ديسيلتر ملغ/ل مغ/ل \
        ملغم/ل مجم/ل ممول/ل مليمول/ل ميليمول/ل مليمول/لتر ميليمول/لتر ملمول/لتر ملمول/ل ميكرومول/ل ميكرومول/لتر \
        وحدة/ل وحدة/لتر ود/ل نانوغرام/مل نغ/مل نانوجرام/مل بيكوغرام/مل ميكروغرام/دل ميكروجرام/دل مكغ/دل \
        ألف/ميكرولتر مليون/ميكرولتر خلية/ميكرولتر ملمزئبق ممزئبق مليمترزئبق مم/ساعة ملم/ساعة ثانية نبضة/دقيقة \
        نبضة/الدقيقة °م كغ كغم كجم سم مل/دقيقة فمتولتر فيمتولتر بيكوغرام بيكوجرام
        """)

    /// Those that mean something only beside their own word: "70 kg" of a patient, not of a parcel.
    static let needing: [String: [String]] = {
        let weight = ["weight", "wt", "وزن", "الوزن"]
        let height = ["height", "ht", "طول", "الطول"]
        let heat = ["temp", "temperature", "t", "حرارة", "الحرارة", "حراره", "الحراره"]
        return [
            "kg": weight, "كغ": weight, "كغم": weight, "كجم": weight, "cm": height, "سم": height, "°c": heat,
            "°f": heat,
            "°م": heat,
        ]
    }()

    static let doses = set(
        """
        mg mcg ug g gm gram grams ml iu unit units u tablet tablets tab tabs capsule capsules cap caps puff puffs drop \
        drops gtt sachet sachets spray sprays patch patches ampoule ampoules amp vial vials suppository suppositories \
        meq mmol % ملغ ملغم مغ مجم ملجم مل ملليلتر غرام غ جم جرام ميكروغرام ميكروجرام مكغ وحدة وحدات حبة حبات حبتان قرص \
        أقراص قرصان كبسولة كبسولات بخة بخات قطرة قطرات ظرف كيس
        """)
}
