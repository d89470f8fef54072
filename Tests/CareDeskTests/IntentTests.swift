import CareDomain
import Testing

@testable import CareDesk

struct `What a patient asks for besides an answer` {
    let intent = Intent()

    @Test(arguments: IntentTable.emergencies)
    func `an emergency is heard`(_ row: IntentTable.Row) {
        #expect(intent.of(row.text) == .emergency(row.kind), "\(row.text)")
    }

    @Test(arguments: IntentTable.people)
    func `a wish for a person is heard`(_ text: String) {
        #expect(intent.of(text) == .person, "\(text)")
    }

    @Test(arguments: IntentTable.neither)
    func `ordinary talk is neither`(_ text: String) {
        #expect(intent.of(text) == .none, "\(text)")
    }

    @Test func `an emergency wins over a wish for a person`() {
        #expect(intent.of("Let me talk to a person. I can't breathe!") == .emergency(.breathing))
        #expect(intent.of("أريد أن أتكلم مع شخص، عندي ألم شديد في صدري") == .emergency(.heart))
    }

    @Test func `spelling, case and vowel signs do not matter`() {
        for text in [
            "I CAN’T BREATHE", "i cant  breathe...", "I can\u{2019}t\u{200B} bre\u{AD}athe", "I cannot\tbreathe?!",
        ] {
            #expect(intent.of(text) == .emergency(.breathing), "\(text)")
        }
        for text in ["عندي أَلَمٌ شديد في صدري", "عندي المٌ شـــديد في صدرى", "عندي الم شديد في صدري"] {
            #expect(intent.of(text) == .emergency(.heart), "\(text)")
        }
    }

    @Test func `nothing a person sends is slow`() {
        let pieces = [
            "chest ", "no ", "pain, ", "can't breathe is it ", "talk to a ", "a", "?", "\u{301}", "ـ", "\u{200B}", " ",
            "\n", "ا",
            "ألم ", "لا ", "صدري ", "هل ", "👩‍👩‍👧‍👦", "I had chest pain years ago, ", "\u{0}", "bleeding heavily is ",
        ]
        let clock = ContinuousClock()
        for piece in pieces {
            let text = String(repeating: piece, count: 200_000 / piece.unicodeScalars.count)
            let time = clock.measure { _ = intent.of(text) }
            // Not how fast it is, which benchmarks say: work that grows with the square of the text takes far longer.
            #expect(time < .seconds(60), "\(piece.debugDescription) took \(time)")
        }
    }

    @Test func `every emergency has words in every language`() {
        for emergency in Emergency.allCases {
            for language in Language.allCases {
                let text = EmergencyAnswer.text(for: emergency, in: language)
                for number in ["112", "911", "997", "998"] { #expect(text.contains(number)) }
            }
        }
        #expect(EmergencyAnswer.text(for: .selfHarm, in: .english).contains("not alone"))
        #expect(EmergencyAnswer.text(for: .selfHarm, in: .arabic).contains("لست وحدك"))
    }

    @Test func `the answer is in the language of the words`() {
        let arabic = EmergencyAnswer.text(for: .heart, in: .arabic)
        #expect(EmergencyAnswer.text(for: .heart, to: "عندي ألم في صدري", caseLanguage: .english) == arabic)
        #expect(EmergencyAnswer.text(for: .heart, to: "chest pain!", caseLanguage: .arabic) == arabic)
    }
}

enum IntentTable {
    struct Row: Sendable, CustomTestStringConvertible {
        var kind: Emergency
        var text: String
        init(_ kind: Emergency, _ text: String) {
            self.kind = kind
            self.text = text
        }
        var testDescription: String { text }
    }

    static let emergencies: [Row] = [
        Row(.heart, "I have chest pain"),
        Row(.heart, "my chest hurts badly and my left arm is numb"),
        Row(.heart, "I have a strong pressure in my chest"),
        Row(.heart, "There is pain in my chest since this morning"),
        Row(.heart, "I think I'm having a heart attack"),
        Row(.heart, "My father is having a heart attack right now"),
        Row(.heart, "No, I have chest pain"),
        Row(.heart, "I had chest pain five years ago and now it is back"),
        Row(.heart, "I don't have diabetes but I have chest pain"),
        Row(.heart, "I don't know what to do, my chest is so tight"),
        Row(.heart, "Is my chest pain dangerous?"),
        Row(.heart, "I had knee surgery 2 weeks ago and have chest pain"),
        Row(.stroke, "my face is drooping on one side"),
        Row(.stroke, "I think my mother is having a stroke"),
        Row(.stroke, "my left arm suddenly went numb and I can't speak properly"),
        Row(.stroke, "his speech is slurred"),
        Row(.stroke, "Suddenly I cannot see on one eye"),
        Row(.stroke, "this is the worst headache of my life"),
        Row(.breathing, "I can't breathe"),
        Row(.breathing, "I am struggling to breathe"),
        Row(.breathing, "my baby is choking"),
        Row(.breathing, "He has stopped breathing"),
        Row(.breathing, "I'm having severe shortness of breath"),
        Row(.selfHarm, "I want to die"),
        Row(.selfHarm, "I don't want to live anymore"),
        Row(.selfHarm, "I want to kill myself"),
        Row(.selfHarm, "sometimes I think about ending it, about suicide"),
        Row(.selfHarm, "I keep hurting myself"),
        Row(.selfHarm, "everyone would be better off without me"),
        Row(.bleeding, "I'm bleeding heavily"),
        Row(.bleeding, "the bleeding won't stop"),
        Row(.bleeding, "I am bleeding a lot since my surgery 3 months ago"),
        Row(.bleeding, "I am coughing up blood"),
        Row(.bleeding, "There is so much blood"),
        Row(.allergy, "my throat is swelling after the antibiotic"),
        Row(.allergy, "I am having a severe allergic reaction"),
        Row(.allergy, "anaphylaxis, help"),
        Row(.overdose, "I took too many sleeping pills"),
        Row(.overdose, "she swallowed a whole bottle of tablets"),
        Row(.overdose, "I think I overdosed"),
        Row(.unconscious, "my husband is unconscious"),
        Row(.unconscious, "she fainted and won't wake up"),
        Row(.unconscious, "I just passed out"),
        Row(.seizure, "my son is having a seizure"),
        Row(.seizure, "he just had a seizure this morning"),
        Row(.seizure, "the seizure does not stop"),
        Row(.pregnancy, "I'm pregnant and bleeding"),
        Row(.pregnancy, "30 weeks pregnant, there is blood"),
        Row(.pregnancy, "my water broke"),
        Row(.urgent, "call an ambulance please"),
        Row(.urgent, "this is an emergency"),
        Row(.urgent, "I think I am dying"),

        Row(.heart, "عندي ألم في صدري"),
        Row(.heart, "صدري يوجعني كثير"),
        Row(.heart, "حاسس بوجع جامد في صدري"),
        Row(.heart, "صدري عم يوجعني وايدي اليسار مخدرة"),
        Row(.heart, "أحس بضغط على صدري ونغزات"),
        Row(.heart, "والدي عنده أزمة قلبية الآن"),
        Row(.heart, "عندي جلطة في القلب"),
        Row(.heart, "لا، عندي ألم شديد في صدري"),
        Row(.heart, "كان عندي ألم في صدري قبل سنة والآن رجع"),
        Row(.stroke, "وجهه مايل وما يقدر يتكلم"),
        Row(.stroke, "أمي عندها جلطة دماغية"),
        Row(.stroke, "نصف جسمي مشلول"),
        Row(.stroke, "فجأة ما عاد أشوف"),
        Row(.stroke, "هذا أسوأ صداع في حياتي"),
        Row(.breathing, "لا أستطيع التنفس"),
        Row(.breathing, "مش قادر اتنفس"),
        Row(.breathing, "ما أقدر أتنفس"),
        Row(.breathing, "مو قادرة آخذ نفس"),
        Row(.breathing, "عم اختنق"),
        Row(.breathing, "عندي ضيق تنفس شديد"),
        Row(.selfHarm, "أريد أن أموت"),
        Row(.selfHarm, "أفكر في الانتحار"),
        Row(.selfHarm, "بدي موت حالي"),
        Row(.selfHarm, "ما أبغى أعيش"),
        Row(.selfHarm, "مش عايز أعيش"),
        Row(.selfHarm, "تعبت من الحياة"),
        Row(.selfHarm, "أريد أن أؤذي نفسي"),
        Row(.bleeding, "عندي نزيف شديد"),
        Row(.bleeding, "أنزف بشدة"),
        Row(.bleeding, "النزيف لا يتوقف"),
        Row(.bleeding, "الدم ما عم يوقف"),
        Row(.bleeding, "بنزف كتير"),
        Row(.bleeding, "أتقيأ دم"),
        Row(.allergy, "لساني تورم بعد الدواء"),
        Row(.allergy, "وجهي انتفخ وحلقي متورم"),
        Row(.overdose, "أخذت جرعة زائدة"),
        Row(.overdose, "بلعت علبة كاملة من الحبوب"),
        Row(.overdose, "ابني شرب كلور"),
        Row(.unconscious, "أبي مغمى عليه"),
        Row(.unconscious, "أمي فاقدة الوعي"),
        Row(.unconscious, "زوجي طاح وما يصحى"),
        Row(.seizure, "ابني يتشنج"),
        Row(.seizure, "جاته نوبة صرع الحين"),
        Row(.pregnancy, "أنا حامل وعندي نزيف"),
        Row(.pregnancy, "أنا حامل ونزل مني دم"),
        Row(.pregnancy, "الجنين ما يتحرك"),
        Row(.urgent, "اتصلوا بالإسعاف"),
        Row(.urgent, "أنا بموت"),
        Row(.urgent, "الحقوني"),
    ]

    static let people = [
        "I want to talk to a person", "talk to a human", "Can someone help?", "can someone help me please",
        "real person",
        "Speak to a real human being", "agent", "Agent, please", "coordinator please",
        "Could I speak with a coordinator?",
        "connect me to someone", "please put me through to a representative", "I need a human", "is anyone there?",
        "Is there a real person I can talk to?", "I don't want to talk to a bot", "someone please call me",
        "I would like to speak to somebody", "Give me a person!", "I want a coordinator", "transfer me to an agent",
        "can a coordinator call me", "enough of this bot", "I would rather chat with a real person", "customer service",

        "أريد التحدث مع شخص", "أبغى أكلم موظف", "بدي احكي مع حدا", "عايز اتكلم مع حد",
        "هل يمكن أن يساعدني أحد؟ هل من أحد يساعدني",
        "ممكن حدا يساعدني", "في حدا هون؟", "شخص حقيقي", "منسق من فضلك", "حولني على موظف", "أريد إنسان وليس روبوت",
        "كلموني", "اتصلوا بي", "أحتاج منسقة", "ممكن أتكلم مع المنسق؟", "ابي شخص يرد علي", "خدمة العملاء", "موظف",
        "التحدث مع إنسان",
        "لا أريد التحدث مع روبوت",
    ]

    static let neither = [
        "I don't have chest pain", "I had chest pain five years ago", "is chest pain common after surgery?",
        "does the person at the hotel speak Arabic?", "Hello", "I need a knee replacement", "No chest pain, no fever",
        "I do not have any allergies, chest pain or breathing problems", "I have never had a stroke",
        "My father died of a heart attack", "I need rehabilitation after my stroke", "Do you treat stroke patients?",
        "What are the symptoms of a heart attack?", "I had a stroke in 2019", "I had a heart attack two years ago",
        "What is the risk of bleeding after the operation?", "How common are seizures with this medicine?",
        "I'm worried about bleeding", "I am not suicidal", "I want to live in Germany for a while",
        "I can't wait to see you", "I can't walk far", "My knee hurts badly", "my left knee is weak and hurts",
        "I can't move my right knee", "I have a bleeding gum when I brush", "My blood pressure is high",
        "I take blood thinners",
        "I am pregnant", "I have severe pain in my back", "I take a lot of pills", "I hurt myself playing football",
        "My insurance agent has the papers", "I already talked to a coordinator",
        "Can someone help my mother with her bags?",
        "How many people work there?", "I am a single person", "I don't need a coordinator",
        "the person who operated me",
        "what should I bring for the visa", "emergency contact: my wife", "dental implants",
        "I'm dying to know the date... no",
        "My chest X-ray is attached", "Chest infection last year", "He works as a nurse", "I lost weight",
        "my heart is in it",
        "I am allergic to penicillin", "I passed the exam", "thank you so much", "asdfgh", "???", "", "   ",
        "my wife is my companion",
        "I have epilepsy", "no shortness of breath", "I stopped smoking", "I would die for a good coffee, joking",

        "مرحبا", "ليس عندي ألم في صدري", "ما عندي ألم في الصدر", "معنديش وجع في صدري",
        "كان عندي ألم في الصدر قبل خمس سنوات",
        "هل ألم الصدر شائع بعد العملية؟", "هل الشخص في الفندق يتكلم العربية؟", "أريد زراعة أسنان",
        "أصبت بجلطة قبل سنتين",
        "ما هي أعراض الجلطة الدماغية؟", "أحتاج تأهيل بعد جلطة دماغية", "هل تعالجون مرضى الصرع؟", "أبي توفي بأزمة قلبية",
        "أنا حامل", "ضغط الدم عندي مرتفع", "آخذ أدوية للسكري", "ركبتي تؤلمني كثيرا", "ظهري يوجعني",
        "ما هي مخاطر النزيف بعد العملية؟",
        "أخاف من النزيف", "لا أعاني من ضيق في التنفس", "لا أفكر في الانتحار", "عندي حساسية من البنسلين",
        "كم شخص يمكن أن يرافقني؟",
        "لا أحتاج منسق الآن", "أنا شخص بسيط", "زوجتي سترافقني", "عندي ضعف في النظر", "عملت تحليل دم",
        "أريد أن أعيش بدون ألم في الركبة",
        "شكرا جزيلا", "كم يوم أبقى في المستشفى؟", "لا أعرف", "تكلمت مع المنسق أمس", "موظف التأمين عنده الأوراق",
        "عملت أشعة على الصدر",
        "نزلت وزني", "هل أحتاج فيزا؟", "عملية قلب مفتوح", "أريد رأي طبي ثان", "ابني عنده صرع", "الموت حق",
        "تحليل الدم كثير التكلفة",
        "ضحكت حتى تعبت",
    ]
}
