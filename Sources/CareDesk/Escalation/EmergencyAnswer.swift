package import CareDomain

/// The fixed words a patient in danger reads: nobody composes them in the moment, and no model is asked.
package struct EmergencyAnswer {
    private struct File: Decodable {
        /// By emergency; `general` is for those without words of their own.
        var texts: [String: String]
    }

    private static let files: [Language: File] = [
        .english: EmbeddedTable.read(PackageResources.emergency_en_json, as: "emergency.en"),
        .arabic: EmbeddedTable.read(PackageResources.emergency_ar_json, as: "emergency.ar"),
    ]

    package static func text(for emergency: Emergency, in language: Language) -> String {
        let texts = files[language]?.texts ?? [:]
        return texts[emergency.rawValue] ?? texts["general"] ?? ""
    }

    /// In the language the person just wrote in where the script tells it, else in the case's.
    package static func text(for emergency: Emergency, to words: String, caseLanguage: Language) -> String {
        text(for: emergency, in: Language.written(words) ?? caseLanguage)
    }
}
