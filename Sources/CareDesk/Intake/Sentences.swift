import CareDomain

/// The fixed sentences the desk itself says.
enum Sentences {
    static func newCase(in language: Language) -> String {
        switch language {
        case .english: "New enquiry"
        case .arabic: "استفسار جديد"
        }
    }

    /// What is honest when a patient asks for a person.
    static func personAsked(in language: Language, isStaffed: Bool, contact: String?) -> String {
        switch (language, isStaffed, contact) {
        case (.english, true, _):
            "Of course. I have asked a coordinator to join this conversation; they will write to you right here. "
                + "If you like, go on telling me what you need meanwhile: they will read everything."
        case (.english, false, let contact?):
            "Of course. I have noted that you would like to speak with a person. Our coordinators do not answer in "
                + "this chat yet, so please reach them at **\(contact)**. I can keep helping you here meanwhile."
        case (.english, false, nil):
            "Of course. I have noted that you would like to speak with a person. Our coordinators do not answer in "
                + "this chat yet, and I cannot promise when one will contact you. I can keep helping you here meanwhile."
        case (.arabic, true, _):
            "بالتأكيد. طلبتُ من أحد المنسقين الانضمام إلى هذه المحادثة، وسيكتب لك هنا. "
                + "يمكنك في هذه الأثناء متابعة الحديث معي، فسيقرأ المنسق كل شيء."
        case (.arabic, false, let contact?):
            "بالتأكيد. سجّلتُ رغبتك في التحدث مع شخص. منسقونا لا يجيبون في هذه المحادثة بعد، "
                + "لذا يُرجى التواصل معهم عبر **\(contact)**. ويمكنني متابعة مساعدتك هنا في هذه الأثناء."
        case (.arabic, false, nil):
            "بالتأكيد. سجّلتُ رغبتك في التحدث مع شخص. منسقونا لا يجيبون في هذه المحادثة بعد، "
                + "ولا أستطيع أن أعدك بموعد تواصلهم معك. ويمكنني متابعة مساعدتك هنا في هذه الأثناء."
        }
    }

    /// The language the words themselves are in, when their letters tell.
    static func language(of text: String) -> Language? {
        var latin = 0
        var arabic = 0
        for scalar in text.unicodeScalars.prefix(2_000) {
            switch scalar.value {
            case 0x0600...0x06ff, 0x0750...0x077f, 0x08a0...0x08ff, 0xfb50...0xfdff, 0xfe70...0xfeff: arabic += 1
            case 0x41...0x5a, 0x61...0x7a: latin += 1
            default: break
            }
        }
        return arabic == 0 && latin == 0 ? nil : arabic >= latin ? .arabic : .english
    }
}
