//! The source stands on floors: a module uses what is on its own floor or below, and nothing above (`src/lib.rs`).

use std::fs;
use std::path::Path;

/// From the lowest to the highest. What stands side by side on one floor is one entry, and may use each other only within a
/// folder.
const FLOORS: &[&[&str]] = &[
    &["json", "vars", "signals"],
    &["logging"],
    &["http"],
    &["policy"],
    &["config"],
    &["proxy"],
    &["service", "healthcheck", "lookalike"],
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
