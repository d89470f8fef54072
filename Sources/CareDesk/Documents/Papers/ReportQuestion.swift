import CareDomain

/// Whether somebody asks what stands in a document, and about which thing in it.
struct ReportQuestion: Sendable {
    enum Ask: Sendable, Hashable {
        /// "What does my report say?"
        case contents
        /// "Did you read my scan?"
        case read
        /// "What is my haemoglobin?": only when a document names it, or it is something only documents tell.
        case thing
        /// How to send one, which are needed, what to take: not about what stands in it.
        case other
    }

    let ask: Ask?
    let words: PaperQuestion

    init(_ text: String) {
        let read = Words(text)
        let asks = Set(Self.book.matches(read).map(\.meaning))
        words = PaperQuestion(text)
        if asks.contains(.other) {
            ask = nil
        } else {
            ask = [.contents, .read, .thing].first(where: asks.contains)
        }
    }

    private static let book: PhraseBook<Ask> = {
        let classes = [
            "paper": [
                "report|reports|scan|scans|mri|ct|xray|xrays|ultrasound|result|results|document|documents|letter|prescription",
                "paper|papers|file|files|pdf|test|tests|bloods|labs|lab|summary|invoice|upload|picture|photo",
                "تقرير|تقريري|تقاريري|تقارير|اشعه|اشعتي|نتيجه|نتائج|نتائجي|نتيجتي|وثيقه|وثائقي|وثائق|وثيقتي|ملف|ملفي|ملفاتي|وصفه",
                "وصفتي|تحليل|تحليلي|تحاليل|تحاليلي|رنين|ورقه|اوراقي|مستند|مستندي|فحوصاتي|فحص|فحصي|فحوصات|صوره|فاتوره",
            ],
            "said": [
                "say|says|said|show|shows|showed|mean|means|tell|tells|find|found|contain|contains|written|state|states"
            ],
            "thing": [
                "haemoglobin|hemoglobin|hb|hgb|creatinine|glucose|sugar|cholesterol|potassium|sodium|platelet|platelets|wbc|rbc",
                "hba1c|a1c|tsh|ferritin|vitamin|inr|psa|alt|ast|bilirubin|crp|esr|triglycerides|ldl|hdl|urea|egfr|albumin",
                "calcium|هيموغلوبين|هيموجلوبين|خضاب|كرياتينين|سكر|سكري|كولسترول|كوليسترول|بوتاسيوم|صوديوم|صفائح|تراكمي|فيتامين",
                "حديد|فيريتين|يوريا",
            ],
        ]
        let table: [(Ask, [String])] = [
            (
                .other,
                [
                    "what|which|any ..1 @paper ..3 need|needed|require|required|bring|prepare|send|upload",
                    "how|where|can|may|should|shall|could|do i|we|to ..5 send|upload|attach|submit|email|share|bring|delete|remove",
                    "should|can|must|may i|we ..3 stop|take|start|change|skip|increase|reduce|eat",
                    "when|how soon|long ..4 @paper ..3 ready|back|come|read|reviewed", "cost|price|book|appointment",
                    "ما|اي ..2 @paper ..3 مطلوبه|المطلوبه|تحتاجون|احتاج",
                    "كيف|اين|هل|وين ..2 ارسل|ارفع|ارفق|احذف|يمكنني|استطيع ..3 @paper",
                    "هل ..1 اوقف|اترك|اتناول|اخذ|ابدا",
                ]
            ),
            (
                .contents,
                [
                    "what|whats ..4 @paper ..2 @said", "what|whats ..1 in|on ..2 @paper", "what ..2 @said ..3 @paper",
                    "what|whats|how|which ..5 in|on|according|from ..2 my|the|this ..2 @paper",
                    "what|whats|how is|are|was|were|do|does|did my|the ..2 @paper", "what about my ..1 @paper",
                    "summarise|summarize|explain|read|translate|describe ..2 my|the|this|me ..3 @paper",
                    "tell me ..3 @paper", "what did you find|read|see", "my ..2 @paper say|says|show|shows|mean|means",
                    "which|what ..2 medicines|medications|medicine|tablets|drugs|allergies ..4 listed|written|in ..2 @paper",
                    "is|are there ..5 in|on my|the|this ..2 @paper", "does|do|did my|the|this ..2 @paper @said|mention",
                    "ماذا|ما|ايش|شو|وش|اخبرني|ماهو|ماهي ..3 يقول|تقول|مكتوب|ورد|جاء|يوجد|في|يظهر|تظهر|تعني|يعني|معني ..3 @paper",
                    "ماذا|ما|ايش|شو|وش ..1 نتيجه|نتائج|نتيجتي|نتائجي|فحوي|محتوي|مضمون",
                    "اشرح|لخص|اقرا|فسر|ترجم ..2 @paper",
                    "@paper ماذا|ايش|شو|وش يقول|تقول|فيه|فيها", "ماذا وجدتم|وجدت|قراتم|قرات",
                ]
            ),
            (
                .read,
                [
                    "did|have|can|could|has ..1 you|anyone|somebody|someone|curaway ..2 read|see|seen|look|looked|check|checked|open|opened|understand ..4 @paper",
                    "did|have you ..1 get|got|receive|received ..3 @paper",
                    "is|was|has my|the ..2 @paper ..2 read|received",
                    "هل ..2 قراتم|قرات|اطلعتم|اطلعت|رايتم|رايت|شفتم|شفتوا|شفت|وصلكم|وصلتكم|وصل|استلمتم|فتحتم|تقراون ..3 @paper",
                    "قراتم|قرات|اطلعتم ..2 @paper",
                ]
            ),
            (
                .thing,
                [
                    "what|whats|how ..3 my|the ..3 @thing", "how much|high|low ..3 @thing",
                    "what|whats|which ..2 medicines|medications|tablets|allergies|diagnosis ..3 report|letter|paper|document|listed|written",
                    "what|whats my blood pressure", "is|was my ..1 @thing ..2 high|low|normal|ok|good",
                    "ما|كم|ماهي|ماهو|هل ..3 @thing",
                ]
            ),
        ]
        return PhraseBook(table.map { (meaning: $0.0, sources: $0.1) }, classes: classes)
    }()
}
