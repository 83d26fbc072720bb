//! Where things stand. The source stands on floors: a module uses what is on its own floor or below, and nothing above (`src/lib.rs`).
//! The tests stand in `tests/README.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// From the lowest to the highest. What stands side by side on one floor is one entry, and may use each other only within a
/// folder.
const FLOORS: &[&[&str]] = &[
    &["json", "vars", "signals", "distance", "sorted"],
    &["logging"],
    &["http"],
    &["guard"],
    &["policy"],
    &["config"],
    &["proxy"],
    &["lookalike"],
    &["service", "healthcheck", "explain"],
    &["main"],
];

fn floor_of(module: &str) -> usize {
    let floor = FLOORS.iter().position(|floor| floor.contains(&module));
    floor.unwrap_or_else(|| panic!("{module} stands on no floor: add it to FLOORS and to src/lib.rs"))
}

/// The top-level modules that a source text names, as `crate::NAME` or by the crate's name.
fn used_by(text: &str) -> impl Iterator<Item = &str> {
    let paths = ["crate::", "docker_socket_proxy::"].into_iter().flat_map(|root| text.split(root).skip(1));
    paths.map(|rest| {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        assert_ne!(end, 0, "one `use` for each module of the crate: {:.40}", rest);
        &rest[..end]
    })
}

fn check(folder: &Path, module: Option<&str>) -> usize {
    let mut checked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            checked += check(&path, Some(module.unwrap_or(name)));
            continue;
        }
        let module = module.unwrap_or(name);
        if module == "lib" {
            continue;
        }
        for used in used_by(&fs::read_to_string(&path).unwrap()) {
            let below = used == module || floor_of(used) < floor_of(module);
            assert!(below, "{} uses {used}, which is not below {module}", path.display());
            checked += 1;
        }
    }
    checked
}

#[test]
fn nothing_uses_what_stands_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert!(check(&root, None) > 50);
}

#[test]
fn the_page_of_the_tests_names_each_file_and_folder_and_nothing_else() {
    let rows = include_str!("README.md").lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let names: Vec<_> = rows.map(|(name, _)| name).collect();
    // The page itself, and what only names the files beside it, are no tests.
    for (folder, unnamed) in [("", "README.md"), ("both/", "mod.rs")] {
        let mut there = BTreeSet::new();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
        for entry in fs::read_dir(path).expect("a folder") {
            let entry = entry.expect("an entry");
            let end = if entry.path().is_dir() { "/" } else { "" };
            there.insert(entry.file_name().into_string().expect("UTF-8") + end);
        }
        assert!(there.remove(unnamed));
        // A family's row has a command in its first column, with a space or a folder in it.
        let is_beside = |name: &&str| !name.is_empty() && !name.trim_end_matches('/').contains([' ', '/']);
        let beside = names.iter().filter_map(|name| name.strip_prefix(folder)).filter(is_beside);
        assert_eq!(beside.map(str::to_owned).collect::<BTreeSet<_>>(), there);
    }
}
