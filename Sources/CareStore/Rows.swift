import CareDomain

extension CareCase {
    init(_ row: SQLRow) throws {
        self.init(
            id: try row.id("id"), patientID: try row.id("patient_id"), title: try row.text("title"),
            status: try row.value("status"), language: try row.value("language"), version: try row.int("version"),
            handling: Handling(
                state: try row.value("handling_state"), version: try row.int("handling_version"),
                by: row.optionalText("handling_by")),
            createdAt: try row.moment("created_at"), updatedAt: try row.moment("updated_at"),
            lastMessage: row.optionalText("last_message"))
    }
}

extension Message {
    init(_ row: SQLRow) throws {
        self.init(
            id: try row.id("id"), caseID: try row.id("case_id"), sequence: try row.int("sequence"),
            version: try row.int("version"), role: try row.value("role"), sender: try row.value("sender"),
            senderName: row.optionalText("sender_name"), medium: try row.value("medium"),
            audience: try row.value("audience"), body: try row.text("body"), replyID: row.optionalID("reply_id"),
            clientMessageID: row.optionalText("client_message_id"), status: try row.value("status"),
            answeredBy: row.optionalValue("answered_by"), createdAt: try row.moment("created_at"))
    }
}

extension Reply {
    init(_ row: SQLRow) throws {
        self.init(
            id: try row.id("id"), caseID: try row.id("case_id"), patientID: try row.id("patient_id"),
            state: try row.value("state"), attempt: try row.int("attempt"), sequence: row.optionalInt("sequence"),
            through: try row.int("through"), text: try row.text("body"), startedAt: row.optionalMoment("started_at"),
            code: row.optionalText("code"), isStopWanted: try row.bool("stop_wanted"))
    }
}

extension Person {
    init(_ row: SQLRow) throws {
        self.init(
            id: try row.id("id"), name: try row.text("name"), role: try row.value("role"),
            language: try row.value("language"))
    }
}
