//! Who a line is about.

use log::Record;
use log::kv::{Key, ToValue, Value, VisitValue};
use std::fmt;

/// Who a line is about, as its fields say; all empty where it is about nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// The name that the client's variables have.
    name: Option<String>,
    /// Where it came in.
    listener: Option<String>,
    /// Its address, over TCP.
    client: Option<String>,
    /// Its user, over a Unix socket.
    uid: Option<u32>,
    /// Its process.
    pid: Option<u32>,
}

impl Source {
    /// That of a record.
    pub fn of(record: &Record<'_>) -> Self {
        let field = |name| field(record, name);
        Self {
            name: field("name"),
            listener: field("listener"),
            client: field("client"),
            uid: field("uid").and_then(|uid| uid.parse().ok()),
            pid: field("pid").and_then(|pid| pid.parse().ok()),
        }
    }

    /// A client's address.
    #[cfg(test)]
    pub fn at(address: &str) -> Self {
        Self { client: Some(address.to_owned()), ..Self::default() }
    }

    /// Without what differs each time that the same client connects: its port, or its process.
    pub fn without_port(self) -> Self {
        let address = |client: String| client.rsplit_once(':').map(|(address, _port)| address.to_owned());
        Self { client: self.client.and_then(address), pid: None, ..self }
    }

    /// As fields of a record.
    pub fn fields(&self) -> [(&'static str, Value<'_>); 4] {
        [
            ("name", self.name.to_value()),
            ("listener", self.listener.to_value()),
            ("client", self.client.to_value()),
            ("uid", self.uid.to_value()),
        ]
    }
}

/// As it stands before a message: the name, and the address or the user.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.uid.map(|uid| match self.pid {
            Some(pid) => format!("uid {uid} pid {pid}"),
            None => format!("uid {uid}"),
        });
        // What is said of a listener alone needs no word before it.
        let who = self.client.clone().or(user);
        let name = self.name.as_ref().filter(|_| who.is_some());
        let words: Vec<&str> = name.into_iter().chain(&who).map(String::as_str).collect();
        f.write_str(&words.join(" "))
    }
}

/// A field of a record; `None` where it has none of this name.
pub fn field(record: &Record<'_>, name: &str) -> Option<String> {
    let mut text = Text(None);
    record.key_values().get(Key::from(name))?.visit(&mut text).ok()?;
    text.0
}

/// A field's value as it is said.
struct Text(Option<String>);

impl VisitValue<'_> for Text {
    /// A `None`, or what no line has (`line::FieldValue`).
    fn visit_any(&mut self, _: Value<'_>) -> Result<(), log::kv::Error> {
        Ok(())
    }

    fn visit_str(&mut self, text: &str) -> Result<(), log::kv::Error> {
        self.0 = Some(text.to_owned());
        Ok(())
    }

    fn visit_u64(&mut self, number: u64) -> Result<(), log::kv::Error> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64(&mut self, number: i64) -> Result<(), log::kv::Error> {
        self.visit_str(&number.to_string())
    }
}
