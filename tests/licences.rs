//! What THIRD-PARTY-NOTICES.txt says of the crates is what Cargo links, and what their own licence files say. What it says of musl, LLVM
//! and GCC, and the copyright lines of the standard library, are there by hand: Cargo has not got their files.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const NOTICES: &str = include_str!("../THIRD-PARTY-NOTICES.txt");
const LICENSE: &str = include_str!("../LICENSE");
const DENY: &str = include_str!("../deny.toml");

/// What comes with Rust's standard library and is in no program but those of tests, in macros, or empty.
const NOT_LINKED: [&str; 10] = [
    "getopts",
    "panic_abort",
    "proc_macro",
    "profiler_builtins",
    "rustc_literal_escaper",
    "rustc_std_workspace_alloc",
    "rustc_std_workspace_core",
    "rustc_std_workspace_std",
    "sysroot",
    "test",
];

/// What a program prints; its failure is the test's.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The section of a licence, from its heading to the next one.
fn section(licence: &str) -> &'static str {
    let section =
        NOTICES.split("\n== ").find_map(|section| section.strip_prefix(licence)?.strip_prefix(" ==\n\n"));
    section.unwrap_or_else(|| panic!("no section {licence}"))
}

/// The lines below `title` in a section, up to the next title or the blank line; a title ends in a colon.
fn below<'s>(section: &'s str, title: &str) -> Vec<&'s str> {
    let mut lines = section.lines().skip_while(|line| *line != title);
    assert!(lines.next().is_some(), "no {title}");
    lines.take_while(|line| !line.is_empty() && !line.ends_with(':')).collect()
}

/// The names of an enumeration, which is a paragraph.
fn names(section: &str, title: &str) -> BTreeSet<String> {
    let list = section.split("\n\n").find_map(|paragraph| paragraph.strip_prefix(title)?.strip_prefix(": "));
    list.unwrap_or_else(|| panic!("no {title}")).split(',').map(|name| name.trim().to_owned()).collect()
}

/// A text without its line ends and indentation.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A crate of another project that is linked into the program of some architecture.
struct Linked {
    name: String,
    /// The SPDX expression of its Cargo.toml.
    license: String,
    folder: PathBuf,
}

impl Linked {
    /// The contents of its files whose name begins so.
    fn files(&self, prefix: &str) -> Vec<String> {
        let names = fs::read_dir(&self.folder)
            .expect("cargo has fetched it")
            .map(|entry| entry.expect("an entry").path());
        names
            .filter(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().to_uppercase().starts_with(prefix))
            })
            .map(|path| fs::read_to_string(path).expect("text"))
            .collect()
    }

    /// Whether its licence is offered under this one alone; of several that are offered, one is enough.
    fn offers(&self, licence: &str) -> bool {
        self.license.split(" OR ").any(|offered| offered == licence)
    }
}

/// What cargo links for the architectures of deny.toml, without macros and what these need.
fn linked() -> Vec<Linked> {
    let targets = DENY.split("targets = [").nth(1).and_then(|list| list.split(']').next()).expect("a list");
    let targets: Vec<_> =
        targets.split('"').skip(1).step_by(2).filter(|target| target.contains("musl")).collect();
    // Named for both, or cargo would want what other systems need, which it has not fetched.
    let cargo = |arguments: &[&'static str], option: &'static str| {
        let targets = targets.iter().flat_map(|target| [option, target]);
        output(env!("CARGO"), &arguments.iter().copied().chain(targets).collect::<Vec<_>>())
    };
    let only_linked = "--edges=normal,no-proc-macro";
    let tree =
        cargo(&["tree", "--locked", "--offline", only_linked, "--prefix=none", "--no-dedupe"], "--target");
    let wanted: BTreeSet<_> = tree.lines().filter_map(|line| line.split_once(" v")).collect();
    let metadata =
        cargo(&["metadata", "--locked", "--offline", "--format-version", "1"], "--filter-platform");
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .filter(|package| wanted.contains(&(text(&package["name"]), text(&package["version"]))))
        .map(|package| Linked {
            name: text(&package["name"]).to_owned(),
            license: text(&package["license"]).to_owned(),
            folder: Path::new(text(&package["manifest_path"])).parent().expect("a folder").to_owned(),
        })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[test]
fn each_linked_crate_stands_below_a_licence_that_it_offers_with_its_copyright_lines() {
    let terms = words(LICENSE);
    let permission = section("MIT").split("\n\n").skip(1).collect::<Vec<_>>().join("\n\n");
    let (mut apache, mut mit) = (BTreeSet::new(), BTreeSet::new());
    for linked in linked() {
        let Linked { name, license, .. } = &linked;
        assert!(linked.files("NOTICE").is_empty(), "{name} has a NOTICE, which has to be carried on");
        let files = [linked.files("LICEN"), linked.files("COPYING")].concat();
        if linked.offers("Apache-2.0") {
            assert!(
                files.iter().any(|file| words(file).contains(&terms)),
                "{name} has other terms than LICENSE"
            );
            apache.insert(name.clone());
        } else if linked.offers("MIT") {
            let file = files.iter().find(|file| words(file).contains(&words(&permission)));
            let file = file.unwrap_or_else(|| panic!("{name} has another text than that of the section MIT"));
            let copyright = file.lines().map(str::trim).filter(|line| line.starts_with("Copyright"));
            let before = mit.len();
            mit.extend(copyright.map(|line| format!("{name}: {line}")));
            assert!(mit.len() > before, "{name} has no copyright line");
        } else {
            panic!("{name}: {license} has no section here");
        }
    }
    assert_eq!(names(section("Apache-2.0"), "Crates"), apache);
    assert_eq!(below(section("MIT"), "Crates:").into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), mit);
}

#[test]
fn each_crate_of_the_standard_library_stands_below_one_licence() {
    let apache = names(section("Apache-2.0"), "Rust's standard library");
    let mit = below(section("MIT"), "Rust's standard library:").into_iter();
    let mit: BTreeSet<_> = mit.map(|line| line.split_once(": ").expect("a name").0.to_owned()).collect();
    assert!(apache.is_disjoint(&mit), "{apache:?} {mit:?}");
    // A hyphen in a crate's name is an underscore in its file's.
    let written: BTreeSet<_> = apache.union(&mit).map(|name| name.replace('-', "_")).collect();

    let folder = output("rustc", &["--print", "target-libdir"]);
    let files =
        fs::read_dir(folder.trim_end()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let present: BTreeSet<_> = files
        .filter_map(|file| {
            Some(file.to_str()?.strip_prefix("lib")?.strip_suffix(".rlib")?.rsplit_once('-')?.0.to_owned())
        })
        .filter(|name| !NOT_LINKED.contains(&name.as_str()))
        .collect();
    assert!(present.contains("std"), "{folder}: {present:?}");
    let missing: Vec<_> = present.difference(&written).collect();
    assert!(missing.is_empty(), "not in THIRD-PARTY-NOTICES.txt: {missing:?}");
}
