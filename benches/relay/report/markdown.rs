//! The tables.

use super::{Growth, Line, Report, Verdict};
use crate::figures::thousands;
use std::fmt::Write as _;

impl Report {
    /// All tables: what everything costs beside the least that it can, beside other programs, and how it grows.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.about {
            let _ = writeln!(out, "- {name}: {value}");
        }
        let lines: Vec<&Line> = self.rows.iter().collect();
        if !lines.is_empty() {
            self.table(&mut out, &lines, &[0, self.relay, self.floor], Self::close_verdicts);
        }
        let others: Vec<usize> =
            (0..self.names.len()).filter(|place| *place > self.floor.max(self.relay)).collect();
        let has_others = |line: &Line| others.iter().any(|place| !line.figures.median(*place).is_nan());
        let lines: Vec<&Line> = self.rows.iter().filter(|line| has_others(line)).collect();
        if !lines.is_empty() {
            out.push_str("\nBeside other programs:\n");
            let columns = [&[0, self.relay], others.as_slice()].concat();
            self.table(&mut out, &lines, &columns, Self::verdicts_of_others);
        }
        for growth in &self.growths {
            let _ = write!(out, "\n![{}](bench/{}.svg)\n", growth.title(), growth.chart.file);
        }
        for growth in &self.growths {
            self.growth_table(&mut out, growth);
        }
        out
    }

    fn table(
        &self,
        out: &mut String,
        lines: &[&Line],
        columns: &[usize],
        verdicts: fn(&Self, &Line) -> Vec<Verdict>,
    ) {
        let names: Vec<&str> = columns.iter().map(|place| self.names[*place].as_str()).collect();
        let _ = writeln!(out, "\n| | {} | limits |", names.join(" | "));
        let _ = writeln!(out, "|---|{}---|", "---|".repeat(names.len()));
        for line in lines {
            let _ = write!(out, "| {} |", line.row.what);
            for place in columns {
                let _ = write!(out, " {} |", line.row.unit.show(line.figures.median(*place)));
            }
            let verdicts = verdicts(self, line);
            let shown = verdicts.iter().map(|verdict| verdict.show() + self.mark(verdict));
            let _ = writeln!(out, " {} |", shown.collect::<Vec<_>>().join("; "));
        }
    }

    /// A column for each point, and a line for each peer. The last line says how the proxy stands to the relay.
    fn growth_table(&self, out: &mut String, growth: &Growth) {
        let _ = writeln!(out, "\n{} ({}):\n", growth.title(), growth.chart.unit.name());
        let points: Vec<String> = growth.points.iter().map(|(point, _)| thousands(*point as f64)).collect();
        let _ = writeln!(out, "| {} | {} |", growth.sweep.grows_with, points.join(" | "));
        let _ = writeln!(out, "|---|{}", "---|".repeat(points.len()));
        for (place, name) in self.names.iter().enumerate() {
            let shown =
                growth.points.iter().map(|(_, figures)| growth.chart.unit.show(figures.median(place)));
            let _ = writeln!(out, "| {name} | {} |", shown.collect::<Vec<_>>().join(" | "));
        }
        let shown = growth.points.iter().map(|(point, figures)| {
            let verdict = self.growth_verdict(growth, *point, figures);
            verdict.map_or_else(String::new, |verdict| format!("{:.2}{}", verdict.value, self.mark(&verdict)))
        });
        let shown = shown.collect::<Vec<_>>().join(" | ");
        let _ = writeln!(out, "| part of the relay's ({}) | {shown} |", growth.chart.relay.show());
    }
}
