//! The pictures.

use super::{Growth, Report};
use crate::figures::{Figures, thousands};
use std::fmt::Write as _;

/// One for each peer.
const COLOURS: [&str; 8] =
    ["#0b7285", "#868e96", "#ced4da", "#e8590c", "#5f3dc4", "#2b8a3e", "#a61e4d", "#e67700"];

impl Report {
    /// Both axes are logarithmic, so that figures far apart can be compared.
    pub(super) fn svg(&self, growth: &Growth) -> String {
        let medians: Vec<Vec<f64>> = (0..self.names.len())
            .map(|peer| growth.points.iter().map(|(_, figures)| figures.median(peer)).collect())
            .collect();
        let figures = || medians.iter().flatten().copied().filter(|figure| *figure > 0.0);
        let lowest = figures().fold(f64::INFINITY, f64::min).log10().floor();
        let highest = figures().fold(f64::NEG_INFINITY, f64::max).log10().ceil().max(lowest + 1.0);
        let first = growth.points.first().map_or(0.0, |(point, _)| (*point as f64).log10());
        let last = growth.points.last().map_or(1.0, |(point, _)| (*point as f64).log10());
        let x = |point: u64| 70.0 + 410.0 * ((point as f64).log10() - first) / (last - first);
        let y = |figure: f64| 310.0 - 260.0 * (figure.log10() - lowest) / (highest - lowest);

        let mut out = String::from(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 360\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"640\" height=\"360\" fill=\"#fff\"/>\n",
        );
        let mut text = |x: f64, y: f64, anchor: &str, words: &str| {
            let _ = writeln!(out, "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\">{words}</text>");
        };
        text(70.0, 24.0, "start", &format!("{} ({})", growth.title(), growth.chart.unit.name()));
        for (point, _) in &growth.points {
            text(x(*point), 330.0, "middle", &thousands(*point as f64));
        }
        text(275.0, 350.0, "middle", growth.sweep.grows_with);
        let decades: Vec<f64> =
            (lowest as i32..=highest as i32).map(|exponent| 10_f64.powi(exponent)).collect();
        for decade in &decades {
            let shown = if *decade < 1.0 { decade.to_string() } else { thousands(*decade) };
            text(62.0, y(*decade) + 4.0, "end", &shown);
        }
        for (place, name) in self.names.iter().enumerate() {
            text(520.0, 64.0 + 20.0 * place as f64, "start", name);
        }
        for decade in &decades {
            let _ = writeln!(out, "<path d=\"M70 {0:.1}H480\" stroke=\"#dee2e6\"/>", y(*decade));
        }
        for (place, figures) in medians.iter().enumerate() {
            let colour = COLOURS[place % COLOURS.len()];
            let at =
                |((point, _), figure): (&(u64, Figures), &f64)| format!("{:.1},{:.1}", x(*point), y(*figure));
            // Some are not measured at every point.
            let figures = growth.points.iter().zip(figures).filter(|(_, figure)| !figure.is_nan());
            let line: Vec<String> = figures.map(at).collect();
            let _ = writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                line.join(" ")
            );
            let height = 60 + 20 * place;
            let _ = writeln!(out, "<path d=\"M495 {height}H515\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        }
        out.push_str("</svg>\n");
        out
    }
}
