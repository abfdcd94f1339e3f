//! Diagnostic records of the category `FunctionAppLogs`, in the forms that plans give them
//! (<https://learn.microsoft.com/azure/azure-monitor/reference/tables/functionapplogs>).

use model::{Level, Timestamp};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::times;
use crate::fleet::{App, Host, RecordForm};

/// What a host says.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) time: Timestamp,
    pub(super) level: Level,
    pub(super) category: String,
    pub(super) message: String,
    /// The function as this category names it, and the execution's id.
    pub(super) execution: Option<(String, String)>,
    pub(super) event: Option<(u32, &'static str)>,
    pub(super) failure: Option<Failure>,
}

impl Record {
    /// A record of the host itself.
    pub(super) fn of_host(time: Timestamp, category: &str, message: impl Into<String>) -> Record {
        Record {
            time,
            level: Level::Info,
            category: category.to_owned(),
            message: message.into(),
            execution: None,
            event: None,
            failure: None,
        }
    }

    /// The record as a line of the blob, with its end.
    pub(super) fn line(&self, app: &App, host: &Host, form: RecordForm) -> String {
        let properties = Value::Object(self.properties(app, host)).to_string();
        let resource = app.resource_id();
        let operation = "Microsoft.Web/sites/functions/log";
        let level = self.level_names().0;
        if form == RecordForm::QuotedText {
            let time = times::civil(self.time, "%m/%d/%Y %H:%M:%S");
            let location = app.location.replace(' ', "").to_lowercase();
            let properties = json!(quoted(&properties));
            let machine = host.role.get(..6).unwrap_or_default();
            return format!(
                "{{\"location\": \"{location}\",\"time\": \"{time}\",\"properties\": {properties},\
                 \"operationName\": \"{operation}\",\"resourceId\": \"{resource}\",\"level\": \"{level}\",\
                 \"category\": \"FunctionAppLogs\",\"EventStampType\": \"Stamp\",\
                 \"EventPrimaryStampName\": \"waws-prod-am2-191\",\"EventStampName\": \"waws-prod-am2-191\",\
                 \"Host\": \"pl0sdlwk{machine}\",\"EventIpAddress\": \"10.60.0.66\"}}\r\n"
            );
        }
        let properties = match form {
            RecordForm::Json => properties,
            _ => quoted(&properties),
        };
        let time = times::civil(self.time, "%Y-%m-%dT%H:%M:%SZ");
        format!(
            "{{ \"time\": \"{time}\", \"resourceId\": \"{resource}\", \"category\": \"FunctionAppLogs\", \
             \"operationName\": \"{operation}\", \"level\": \"{level}\", \"location\": \"{}\", \
             \"properties\": {properties}}}\r\n",
            app.location
        )
    }

    fn properties(&self, app: &App, host: &Host) -> Map<String, Value> {
        let (_, level, level_id) = self.level_names();
        let mut properties = Map::new();
        let mut add = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        add("appName", json!(app.name));
        add("roleInstance", json!(host.role));
        add("message", json!(self.message));
        add("category", json!(self.category));
        add("hostVersion", json!(app.host_version));
        if let Some((function, id)) = &self.execution {
            add("functionInvocationId", json!(id));
            add("functionName", json!(function));
        }
        add("hostInstanceId", json!(host.instance));
        add("level", json!(level));
        add("levelId", json!(level_id));
        add("processId", json!(host.process));
        if let Some((id, name)) = self.event {
            add("eventId", json!(id));
            add("eventName", json!(name));
        }
        if let Some(failure) = &self.failure {
            add("exceptionDetails", json!(failure.details));
            add("exceptionMessage", json!(failure.message));
            add("exceptionType", json!(failure.kind));
        }
        properties
    }

    /// The level of the record, that of its properties, and its number.
    fn level_names(&self) -> (&'static str, &'static str, u32) {
        match self.level {
            Level::Trace => ("Informational", "Trace", 0),
            Level::Debug => ("Informational", "Debug", 1),
            Level::Info => ("Informational", "Information", 2),
            Level::Warn => ("Warning", "Warning", 3),
            Level::Error => ("Error", "Error", 4),
            Level::Fatal => ("Critical", "Critical", 5),
        }
    }
}

/// What the writers of diagnostic records make of JSON: apostrophes go, and quotation marks become
/// apostrophes, so that what was `\"` inside of a text is `\'`.
fn quoted(json: &str) -> String {
    json.replace('\'', "").replace('"', "'")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::fleet::APPS;

    fn record() -> (Record, Host) {
        let time = Timestamp::from_millis(1_795_442_400_123);
        let record = Record {
            level: Level::Warn,
            execution: Some(("place-order".to_owned(), "b2bc6966-279f-43cb".to_owned())),
            ..Record::of_host(time, "Function.place-order.User", "it isn't \"new\"\n\\o/")
        };
        let host = Host {
            instance: "90848415-e903".to_owned(),
            role: "403853A5638808533482943767".to_owned(),
            process: 60,
            born: time,
            ready: time,
        };
        (record, host)
    }

    #[test]
    fn a_record_in_each_form() {
        let (record, host) = record();
        let line = |form| record.line(&APPS[2], &host, form);
        expect![[r#"
            { "time": "2026-11-23T14:00:00Z", "resourceId": "/SUBSCRIPTIONS/2F6C7F1E-8D0B-4F5E-9A43-5D1F0F6D7C11/RESOURCEGROUPS/SHOP/PROVIDERS/MICROSOFT.WEB/SITES/SHOP-ORDERS", "category": "FunctionAppLogs", "operationName": "Microsoft.Web/sites/functions/log", "level": "Warning", "location": "West Europe", "properties": {'appName':'shop-orders','roleInstance':'403853A5638808533482943767','message':'it isnt \'new\'\n\\o/','category':'Function.place-order.User','hostVersion':'4.1039.500.1','functionInvocationId':'b2bc6966-279f-43cb','functionName':'place-order','hostInstanceId':'90848415-e903','level':'Warning','levelId':3,'processId':60}}
        "#]]
        .assert_eq(&line(RecordForm::Quoted).replace("\r\n", "\n"));
        expect![[r#"
            {"location": "westeurope","time": "11/23/2026 14:00:00","properties": "{'appName':'shop-orders','roleInstance':'403853A5638808533482943767','message':'it isnt \\'new\\'\\n\\\\o/','category':'Function.place-order.User','hostVersion':'4.1039.500.1','functionInvocationId':'b2bc6966-279f-43cb','functionName':'place-order','hostInstanceId':'90848415-e903','level':'Warning','levelId':3,'processId':60}","operationName": "Microsoft.Web/sites/functions/log","resourceId": "/SUBSCRIPTIONS/2F6C7F1E-8D0B-4F5E-9A43-5D1F0F6D7C11/RESOURCEGROUPS/SHOP/PROVIDERS/MICROSOFT.WEB/SITES/SHOP-ORDERS","level": "Warning","category": "FunctionAppLogs","EventStampType": "Stamp","EventPrimaryStampName": "waws-prod-am2-191","EventStampName": "waws-prod-am2-191","Host": "pl0sdlwk403853","EventIpAddress": "10.60.0.66"}
        "#]]
        .assert_eq(&line(RecordForm::QuotedText).replace("\r\n", "\n"));
        let json: Value = serde_json::from_str(&line(RecordForm::Json)).unwrap();
        assert_eq!(json["properties"]["message"], "it isn't \"new\"\n\\o/");
        assert_eq!(json["properties"]["levelId"], 3);
    }
}
