//! Every figure of every round.

use super::{Line, Report};
use crate::figures::Figures;

impl Report {
    /// The rows and pictures, with their rounds in order.
    pub(super) fn json(&self) -> String {
        let rows = self.rows.iter().map(|Line { group, row, figures }| {
            let (what, unit) = (quoted(row.what), quoted(row.unit.name()));
            let rounds = self.rounds(figures);
            format!("{{\"group\": \"{group}\", \"what\": {what}, \"unit\": {unit}, \"rounds\": {rounds}}}")
        });
        let growths = self.growths.iter().map(|growth| {
            let (title, unit) = (quoted(&growth.title()), quoted(growth.chart.unit.name()));
            let points = growth
                .points
                .iter()
                .map(|(point, figures)| format!("{{\"at\": {point}, \"rounds\": {}}}", self.rounds(figures)));
            let points = points.collect::<Vec<_>>().join(",\n    ");
            format!("{{\"what\": {title}, \"unit\": {unit}, \"points\": [\n    {points}]}}")
        });
        let about = self.about.iter().map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)));
        format!(
            "{{\"about\": {{{}}},\n\"rows\": [\n  {}],\n\"growth\": [\n  {}]}}\n",
            about.collect::<Vec<_>>().join(", "),
            rows.collect::<Vec<_>>().join(",\n  "),
            growths.collect::<Vec<_>>().join(",\n  "),
        )
    }

    /// What each peer gave in each round: null where that is nothing. The proxy without the row's environment comes last, where the row
    /// has it.
    fn rounds(&self, figures: &Figures) -> String {
        let names = self.names.iter().map(String::as_str).chain(["without"]).enumerate();
        let of_peers = names.filter(|(place, _)| !figures.of(*place).is_empty()).map(|(place, name)| {
            let shown = figures.of(place).iter().map(|figure| match figure {
                figure if figure.is_nan() => "null".to_owned(),
                figure => figure.to_string(),
            });
            format!("{}: [{}]", quoted(name), shown.collect::<Vec<_>>().join(", "))
        });
        format!("{{{}}}", of_peers.collect::<Vec<_>>().join(", "))
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    docker_socket_proxy::json::escape(&mut out, text);
    out.push('"');
    out
}
