//! On real folders: every way out of the allowed one, and that none is taken.

use super::*;
use crate::link::until::Until;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// `in/` is allowed, `out/` is not; both begin with a file.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["in", "in/deep", "out"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let world = Self { dir };
        world.write("in/plain", "plain");
        world.write("in/deep/below", "below");
        world.write("out/secret", "secret");
        world
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.dir.path().canonicalize().unwrap().display())
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    fn ground(&self) -> Ground {
        Ground::new(Arc::new(AllowList { paths: [self.at("in")].into(), ..AllowList::default() }))
    }

    fn file(&self, name: &str) -> Result<Option<Stamp>, Trouble> {
        self.ground().place(&self.at(name)).and_then(|place| place.file())
    }

    fn walk(&self, glob: &str, depth: u32) -> Walk {
        let ground = self.ground();
        let pick = Pick { glob: Glob::new(glob).unwrap(), depth };
        walk(&ground, &ground.folder(&self.at("in")).unwrap(), &pick, &until()).unwrap()
    }

    fn names(&self, glob: &str, depth: u32) -> Vec<String> {
        let mut names: Vec<_> = self.walk(glob, depth).files.into_iter().map(|file| file.place.name).collect();
        names.sort();
        names
    }
}

fn until() -> Until {
    Until::new(Instant::now() + Duration::from_secs(600))
}

fn fifo(path: &str) {
    rustix::fs::mknodat(CWD, path, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// All below a folder with its content; a link by where it leads.
fn everything(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            all.extend(everything(&path));
        } else if kind.is_symlink() {
            all.insert(path.display().to_string(), format!("-> {}", fs::read_link(&path).unwrap().display()));
        } else if kind.is_file() {
            all.insert(path.display().to_string(), String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned());
        }
    }
    all
}

#[track_caller]
fn refused(found: Result<Option<Stamp>, Trouble>, odd: Odd) {
    match found {
        Err(Trouble::Refused(why, text)) => assert_eq!(why, odd, "{text}"),
        other => panic!("{other:?} instead of {odd:?}"),
    }
}

#[test]
fn what_lies_beneath_is_reached_and_nothing_else() {
    let world = World::new();
    assert_eq!(world.file("in/plain").unwrap().unwrap().size, 5);
    assert_eq!(world.file("in/deep/below").unwrap().unwrap().size, 5);
    assert_eq!(world.file("in/gone"), Ok(None));
    for path in ["out/secret", "in/../out/secret", "in/deep/../../out/secret", "in2/x", "in/plain\n", "in//plain", "in/./plain"] {
        let found = world.file(path);
        assert!(matches!(found, Err(Trouble::NotAllowed(_))), "{path}: {found:?}");
    }
    let long = format!("in/{}", "x".repeat(256));
    assert!(matches!(world.file(&long), Err(Trouble::NotAllowed(_))));
    assert!(matches!(world.file("in/gone/x"), Err(Trouble::Missing(_))));
    assert!(matches!(world.file("in/plain/x"), Err(Trouble::Refused(Odd::NoFolder, _))));
}

#[test]
fn links_pipes_and_second_names_are_left_alone() {
    let world = World::new();
    symlink(world.at("out/secret"), world.at("in/link")).unwrap();
    symlink(world.at("out"), world.at("in/way")).unwrap();
    symlink("deep", world.at("in/inside")).unwrap();
    fs::hard_link(world.at("out/secret"), world.at("in/second")).unwrap();
    fifo(&world.at("in/pipe"));
    let _socket = std::os::unix::net::UnixListener::bind(world.at("in/socket")).unwrap();
    refused(world.file("in/link"), Odd::Symlink);
    refused(world.file("in/way/secret"), Odd::Symlink);
    refused(world.file("in/inside/below"), Odd::Symlink);
    refused(world.file("in/second"), Odd::HardLinked);
    refused(world.file("in/pipe"), Odd::Pipe);
    refused(world.file("in/socket"), Odd::Socket);
    refused(world.file("in/deep"), Odd::Folder);
    assert!(matches!(world.ground().folder(&world.at("in/way")), Err(Trouble::Refused(Odd::Symlink, _))));

    // A link as the allowed folder itself could be anybody's.
    symlink(world.at("in"), world.at("entry")).unwrap();
    let by_link = Ground::new(Arc::new(AllowList { paths: [world.at("entry")].into(), ..AllowList::default() }));
    assert!(matches!(by_link.folder(&world.at("entry")), Err(Trouble::Refused(Odd::Symlink, _))));

    let found = world.walk("*", 0);
    assert_eq!(found.files.iter().map(|file| file.place.name.as_str()).collect::<Vec<_>>(), ["plain"]);
    for (odd, count) in [(Odd::Symlink, 3), (Odd::HardLinked, 1), (Odd::Pipe, 1), (Odd::Socket, 1), (Odd::Folder, 1)] {
        assert_eq!(found.skipped.count(odd), count, "{odd:?}: {:?}", found.skipped);
    }
    assert!(found.skipped.words().contains("3 symlink"), "{}", found.skipped.words());
}

#[test]
fn a_walk_goes_as_deep_as_it_may_and_counts_strange_names() {
    let world = World::new();
    world.write("in/two\nlines", "x");
    let odd: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec([world.at("in/").into_bytes(), vec![0xff]].concat());
    fs::write(odd, "x").unwrap();
    world.write("in/.hidden", "x");
    assert_eq!(world.names("*", 0), ["plain"]);
    assert_eq!(world.names("*", 1), ["below", "plain"]);
    assert_eq!(world.walk("*", 1).skipped.count(Odd::Name), 2);
    let over = Until::new(Instant::now());
    let ground = world.ground();
    for nth in 0..300 {
        world.write(&format!("in/n{nth}"), "");
    }
    let pick = Pick { glob: Glob::new("*").unwrap(), depth: 0 };
    let found = walk(&ground, &ground.folder(&world.at("in")).unwrap(), &pick, &over).unwrap();
    assert_eq!(found.cut_short, Some("its time was over"));
}

#[test]
fn another_mount_is_another_world() {
    // Mounts that every host has, so that no rights are needed.
    let ground = Ground::new(Arc::new(AllowList { paths: ["/dev".to_owned()].into(), ..AllowList::default() }));
    match ground.folder("/dev/shm") {
        Err(Trouble::Refused(Odd::Mount | Odd::Symlink, _) | Trouble::Missing(_)) => {}
        other => panic!("{other:?}"),
    }
    let found = ground.place("/dev/null").unwrap().file();
    refused(found, Odd::Device);
}

#[test]
fn healds_own_is_never_touched() {
    let world = World::new();
    world.write("in/deep/heald.state", "journal: ready");
    assert!(matches!(world.file("in/deep/below"), Err(Trouble::Refused(Odd::Own, _))));
    assert_eq!(world.names("*", 4), ["plain"]);
    assert_eq!(world.walk("*", 4).skipped.count(Odd::Own), 1);
    let own = [world.at("in/plain")].into();
    let ground = Ground::new(Arc::new(AllowList { paths: [world.at("in")].into(), own, ..AllowList::default() }));
    assert!(matches!(ground.place(&world.at("in/plain")), Err(Trouble::Refused(Odd::Own, _))));
    let pick = Pick { glob: Glob::new("*").unwrap(), depth: 0 };
    let found = walk(&ground, &ground.folder(&world.at("in")).unwrap(), &pick, &until()).unwrap();
    assert_eq!((found.files.len(), found.skipped.count(Odd::Own)), (0, 1));
}

#[test]
fn only_what_was_looked_at_is_removed() {
    let world = World::new();
    let place = world.ground().place(&world.at("in/plain")).unwrap();
    let seen = place.present().unwrap();
    world.write("in/plain", "written to since");
    assert!(matches!(place.remove(&seen), Err(Trouble::Refused(Odd::Changed, _))));
    let seen = place.present().unwrap();
    fs::rename(world.at("in/plain"), world.at("in/moved")).unwrap();
    symlink(world.at("out/secret"), world.at("in/plain")).unwrap();
    assert!(place.remove(&seen).is_err());
    fs::remove_file(world.at("in/plain")).unwrap();
    fs::rename(world.at("in/moved"), world.at("in/plain")).unwrap();
    place.remove(&place.present().unwrap()).unwrap();
    assert_eq!(place.file(), Ok(None));
    assert_eq!(fs::read_to_string(world.at("out/secret")).unwrap(), "secret");
}

#[test]
fn a_new_file_is_whole_or_not_there() {
    let world = World::new();
    let (ground, until) = (world.ground(), until());
    let from = ground.place(&world.at("in/deep/below")).unwrap();
    let to = ground.place(&world.at("in/new")).unwrap();
    let stamp = from.present().unwrap();

    drop(Fresh::create(&to).unwrap());
    assert_eq!(world.names(".*", 0), [""; 0], "what is dropped is gone");
    let mut fresh = Fresh::create(&to).unwrap();
    assert!(matches!(Fresh::create(&to), Err(Trouble::Failed(why)) if why.contains("another repair")));
    let copied = fresh.fill(&from, &stamp, &until).unwrap();
    assert_eq!((copied.bytes, copied.sha256), (5, from.digest(&stamp, &until).unwrap()));
    fresh.own_as(&stamp).unwrap();
    fresh.set_modified(&stamp).unwrap();
    assert_eq!(to.file(), Ok(None));
    fresh.put_new().unwrap();
    let new = to.present().unwrap();
    assert_eq!((new.size, new.mode, new.modified), (stamp.size, stamp.mode, stamp.modified));

    // Nothing is overwritten unasked, and never through a link.
    assert!(matches!(Fresh::create(&to).unwrap().put_new(), Err(Trouble::Refused(Odd::Taken, _))));
    fs::remove_file(world.at("in/new")).unwrap();
    symlink(world.at("out/secret"), world.at("in/new")).unwrap();
    assert!(matches!(Fresh::create(&to).unwrap().put(), Err(Trouble::Refused(Odd::Symlink, _))));
    assert_eq!(fs::read_to_string(world.at("out/secret")).unwrap(), "secret");
    // What a crash left is taken away.
    fs::remove_file(world.at("in/new")).unwrap();
    world.write("in/.new.heald-tmp", "half");
    Fresh::create(&to).unwrap().put_new().unwrap();
    assert_eq!(fs::read_to_string(world.at("in/new")).unwrap(), "");
    assert_eq!(world.names(".*", 0), [""; 0]);
}

#[test]
fn a_folder_is_copied_whole_without_what_leads_out() {
    let world = World::new();
    symlink(world.at("out/secret"), world.at("in/deep/link")).unwrap();
    fs::hard_link(world.at("out/secret"), world.at("in/deep/second")).unwrap();
    fifo(&world.at("in/deep/pipe"));
    fs::create_dir(world.at("in/deep/er")).unwrap();
    world.write("in/deep/er/bottom", "bottom");
    let ground = world.ground();
    let to = ground.folder(&world.at("in")).unwrap().place("copy");
    let tree = copy_tree(&ground, &ground.folder(&world.at("in/deep")).unwrap(), &to, &until()).unwrap();
    assert_eq!((tree.files, tree.folders, tree.bytes, tree.skipped.total()), (2, 1, 11, 3));
    let copied: Vec<_> = everything(Path::new(&world.at("in/copy"))).into_values().collect();
    assert_eq!(copied, ["below", "bottom"]);
    let late = Until::new(Instant::now());
    let again = ground.folder(&world.at("in")).unwrap().place("again");
    let cut = copy_tree(&ground, &ground.folder(&world.at("in/deep")).unwrap(), &again, &late);
    assert!(matches!(cut, Err(Trouble::Late(_))), "{cut:?}");
    assert!(!fs::exists(world.at("in/again")).unwrap() && !fs::exists(world.at("in/.again.heald-tmp")).unwrap());
}

/// Pieces of paths that an attacker would choose, and honest ones.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
        Just("way".to_owned()),
        Just("link".to_owned()),
        Just("second".to_owned()),
        Just("deep".to_owned()),
        Just("plain".to_owned()),
        Just("secret".to_owned()),
        Just("out".to_owned()),
        Just("new".to_owned()),
        "[ -~]{0,8}",
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked for: removed, replaced, flagged, copied onto. Outside nothing changes.
    #[test]
    fn nothing_outside_is_ever_touched(pieces in prop::collection::vec(piece(), 1..6), absolute in any::<bool>()) {
        let world = World::new();
        symlink(world.at("out/secret"), world.at("in/link")).unwrap();
        symlink("../out", world.at("in/way")).unwrap();
        fs::hard_link(world.at("out/secret"), world.at("in/second")).unwrap();
        let outside = || everything(Path::new(&world.at("out")));
        let before = outside();
        let path = if absolute { format!("/{}", pieces.join("/")) } else { format!("{}/{}", world.at("in"), pieces.join("/")) };
        let ground = world.ground();
        if let Ok(place) = ground.place(&path) {
            prop_assert!(place.path().starts_with(&world.at("in")), "{}", place.path());
            if let Ok(Some(stamp)) = place.file() {
                let _ = place.refresh(&stamp);
                let _ = place.remove(&stamp);
            }
            if let Ok(mut fresh) = Fresh::create(&place) {
                let _ = std::io::Write::write_all(fresh.file(), b"new");
                let _ = fresh.put();
            }
        }
        if let Ok(folder) = ground.folder(&path) {
            let pick = Pick { glob: Glob::new("*").unwrap(), depth: 3 };
            for file in walk(&ground, &folder, &pick, &until()).unwrap().files {
                let _ = file.place.remove(&file.stamp);
            }
        }
        prop_assert_eq!(outside(), before);
        prop_assert_eq!(fs::metadata(world.at("out/secret")).unwrap().nlink(), 2, "its second name is left alone, too");
    }
}
