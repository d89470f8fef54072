/// What a stranger's text may carry unseen: controls, zero-width and direction marks, tag characters, variation selectors.
/// They say nothing to a reader and much to a machine. Pure, linear.
enum Unmarked {
    /// Whether a scalar is left out: it shows nothing, or changes how others show.
    static func drops(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: false
        case 0x20...0x7E: false
        case 0x00...0x1F, 0x7F...0x9F, 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B...0x180F: true
        case 0x200B...0x200F, 0x202A...0x202E, 0x2060...0x206F, 0x3164, 0xFE00...0xFE0F, 0xFEFF, 0xFFA0: true
        case 0xFFF0...0xFFFB, 0x1BCA0...0x1BCA3, 0x1D173...0x1D17A, 0xE0000...0xE0FFF: true
        default: false
        }
    }

    /// Every kind of line end, as `Lines` cuts them.
    static func endsLine(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A...0x0D, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    /// On one line, without what shows nothing, one blank between words, at most `limit` scalars.
    static func folded(_ text: some StringProtocol, limit: Int = .max) -> String {
        var kept = String.UnicodeScalarView()
        var count = 0
        var owesBlank = false
        for scalar in text.unicodeScalars {
            if isBlank(scalar) {
                owesBlank = count > 0
                continue
            }
            if drops(scalar) { continue }
            guard count < limit else { break }
            if owesBlank {
                guard count + 1 < limit else { break }
                kept.append(" ")
                count += 1
            }
            owesBlank = false
            kept.append(scalar)
            count += 1
        }
        return String(kept)
    }

    private static func beginsMark(_ last: Unicode.Scalar, _ next: Unicode.Scalar) -> Bool {
        switch (last, next) {
        case ("<", "|"), ("<", "\u{FF5C}"), ("|", ">"), ("\u{FF5C}", ">"), ("<", "/"), ("<", "<"), ("[", "/"): true
        case ("<", "a"..."z"), ("<", "A"..."Z"), ("[", "A"..."Z"): true
        default: false
        }
    }

    /// As `folded`, fit to stand between `⟦` and `⟧`: no bracket that is or looks like those. And nothing that a server of models
    /// reads as its own mark wherever it stands (`<|im_start|>`, `<start_of_turn>`, `</s>`, `<<SYS>>`, `[INST]`): a blank
    /// stands in each, which a reader does not miss. `<5` and `[12]` are left alone.
    static func quoted(_ text: some StringProtocol, limit: Int = .max) -> String {
        var kept = String.UnicodeScalarView()
        for scalar in folded(text, limit: limit).unicodeScalars {
            switch scalar.value {
            case 0x27E6, 0x301A, 0x3010, 0x2E28, 0x2045, 0x27EC, 0x2772, 0x3014, 0xFF3B: kept.append("[")
            case 0x27E7, 0x301B, 0x3011, 0x2E29, 0x2046, 0x27ED, 0x2773, 0x3015, 0xFF3D: kept.append("]")
            default:
                if let last = kept.last, beginsMark(last, scalar) { kept.append(" ") }
                kept.append(scalar)
            }
        }
        return String(kept)
    }
}
