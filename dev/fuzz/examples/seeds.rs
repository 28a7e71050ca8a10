//! Writes the first seeds of the corpora to `fuzz/corpus/`: real encodings and nasty texts.
//! `cargo run -p irmin-fuzz --example seeds`. What a fuzzer finds later is added by hand.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use irmin_core::sync::{BundleOptions, CopyOptions};
use irmin_core::{
    CommitData, CommitInfo, Env, Id, IdPrefix, Key, Kind, MemoryStore, Object, ObjectStore, Proof,
    RefName, Repo, Signature, StoreError, StoreId, Stored, Time, Tree,
};

type Seed = (&'static str, Vec<u8>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    write("commit", commits()?)?;
    write("tree", trees()?)?;
    write("chunks", chunks()?)?;
    write("revision", texts(&REVISIONS))?;
    write("path", texts(&PATHS))?;
    write("ref_name", texts(&REF_NAMES))?;
    write("json", texts(&JSON))?;
    write("rules", texts(&RULES))?;
    write("merges", merges())?;
    write("proof", proofs()?)?;
    write("bundle", bundles()?)?;
    write("pack_frame", pack_frames())?;
    write("pack_store", pack_stores()?)?;
    write("endpoint", texts(&ENDPOINTS))?;
    write("proxy_header", texts(&PROXY_HEADERS))?;
    Ok(())
}

fn write(target: &str, seeds: Vec<Seed>) -> io::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let dir = fuzz.join("corpus").join(target);
    fs::create_dir_all(&dir)?;
    for (name, bytes) in seeds {
        fs::write(dir.join(name), bytes)?;
    }
    Ok(())
}

/// Proofs without their checksum, which the target adds.
fn proofs() -> Result<Vec<Seed>, Box<dyn std::error::Error>> {
    let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    let mut tree = Tree::empty();
    for number in 0..100 {
        tree.set(&format!("many/{number}").parse()?, number.to_string())?;
    }
    tree.set(&"text".parse()?, "long ".repeat(30))?;
    let commit = repo.create_commit(&tree, &[], repo.info("prove")?)?;
    let mut seeds = Vec::new();
    for (name, path, values) in [
        ("value", "many/7", false),
        ("absent", "none/at/all", false),
        ("large", "text", true),
    ] {
        let proof = Proof::of_paths(&commit, &[path.parse()?], values)?.encode();
        let end = proof.len() - Id::BYTES;
        seeds.push((name, proof.slice(..end).to_vec()));
    }
    Ok(seeds)
}

fn texts(texts: &[(&'static str, &str)]) -> Vec<Seed> {
    let seeds = texts
        .iter()
        .map(|(name, text)| (*name, text.as_bytes().to_vec()));
    seeds.collect()
}

const REVISIONS: [(&str, &str); 10] = [
    ("name", "main"),
    ("steps", "main~3^2^0~"),
    ("time", "main@2026-11-01T10:00Z~2"),
    ("zone", "@2026-11-01T10:00:30+05:30"),
    (
        "id",
        "5268c7d5e0d1f0a3b4c5968778695a4b3c2d1e0f00112233445566778899aabb",
    ),
    ("ref", "refs/heads/a@2026-11-01"),
    ("many", "@~1~1~1~1~1~1~1~1^1^1^1^1^1^1^1^1"),
    ("large", "main~4294967296^99999999999999999999"),
    ("no-date", "main@2026-02-30T25:61Z"),
    ("marks", "^~@{0}:é\u{0}"),
];

const ENDPOINTS: [(&str, &str); 9] = [
    ("tcp", "tcp://db.example:1,[::1]:2,1.2.3.4:3,*:0"),
    ("zone", "tcp://[fe80::1%25eth0]:80"),
    ("mapped", "tcp://[::ffff:1.2.3.4]:80"),
    ("unix", "unix:///run/a%20b?name=x"),
    ("abstract", "unix:@a%00b"),
    ("tls", "tls+tls+pipe:a?name=&name=b.c"),
    ("ws", "ws+wss://a/b?path=/c&name=d"),
    ("vsock", "vsock://*:7"),
    ("service", "irmin://a,[::1]"),
];

const PROXY_HEADERS: [(&str, &str); 6] = [
    ("v1-4", "PROXY TCP4 192.0.2.1 192.0.2.2 65535 1\r\n"),
    ("v1-6", "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"),
    ("v1-unknown", "PROXY UNKNOWN anything\r\n"),
    ("v2-4", "\r\n\r\n\0\r\nQUIT\n!\x11\0\x0cabcdefghijkl"),
    (
        "v2-6",
        "\r\n\r\n\0\r\nQUIT\n!!\0\x27abcdefghijklmnopqrstuvwxyz0123456789xyz",
    ),
    ("v2-local", "\r\n\r\n\0\r\nQUIT\n \0\0\0"),
];

const PATHS: [(&str, &str); 6] = [
    ("plain", "a/b/c"),
    ("slashes", "//a///b//"),
    ("dots", "a/./../b"),
    ("zero", "a/\u{0}/b"),
    ("unicode", "é/\u{202e}/🌳"),
    ("nearly", ".../..a/.b/a."),
];

const REF_NAMES: [(&str, &str); 8] = [
    ("branch", "heads/main"),
    ("deep", "remotes/origin/feature/x.y"),
    ("lock", "heads/a.lock/b"),
    ("dots", "heads/a..b"),
    ("at", "heads/@{1}"),
    ("at-alone", "@"),
    ("control", "tags/\u{7f}\u{1}"),
    ("edges", "/heads//.a/b./-"),
];

const JSON: [(&str, &str); 9] = [
    (
        "object",
        "{\"name\":\"12\",\"size\":12,\"tags\":[],\"owner\":null,\"a\":{\"b\":[1,{\"c\":2}]}}",
    ),
    (
        "numbers",
        "[0,-0,-1.5e-7,1e308,18446744073709551615,-9223372036854775808,0.1]",
    ),
    (
        "strings",
        "[\"\",\"true\",\"12\",\"\\\"a\\\"\",\"\\u0000\",\"NaN\",\"{}\",\"\\ud83c\\udf33\"]",
    ),
    ("keys", "{\"@0\":1}"),
    ("slash", "{\"a/b\":1,\".\":2,\"\":3}"),
    ("large", "123456789012345678901234567890.123456789e400"),
    ("again", "{\"a\":1,\"a\":2}"),
    (
        "deep",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    ),
    ("blob", "@a10\nvalue"),
];

const RULES: [(&str, &str); 6] = [
    (
        "plain",
        "# what machines count\nhits/** counter\n**/*.md text\n",
    ),
    (
        "all",
        "a bytes\nb counter\nc json\nd log\ne map\nf max\ng min\nh queue\ni register\nj set\nk text\n",
    ),
    ("stars", "**/**/*a*b*c*/**/?? set\n"),
    ("escapes", "\\#a\\*\\?[a-z] text\r\n"),
    ("unknown", "a b c d\n"),
    ("blank", "  \n\t\n#\n \\  bytes"),
];

fn commits() -> Result<Vec<Seed>, Box<dyn std::error::Error>> {
    let author = Signature::new("Ada", "ada@example.org", Time::new(1_700_000_000, 330)?)?;
    let small = CommitData {
        tree: Id::of(b"tree").into(),
        parents: Vec::new(),
        info: CommitInfo::new(author, "Add the engine\n\nIt turns.\n"),
    };
    let mut large = small.clone();
    large.parents = vec![Id::of(b"1").into(), Id::of(b"2").into()];
    large.info.extra = vec![(Bytes::from("gpgsig"), Bytes::from("a\n b\n\0"))];
    large.info.message = Bytes::from_static(b"\xff\xfe");
    Ok(vec![
        ("root", small.encode()?.bytes.to_vec()),
        ("merge", large.encode()?.bytes.to_vec()),
        ("header", vec![1, 4]),
    ])
}

/// A store that remembers what was written to it, in order.
#[derive(Default)]
struct Recorder {
    memory: MemoryStore,
    objects: Mutex<Vec<(Kind, Vec<u8>)>>,
}

impl Recorder {
    fn of_kind(&self, kind: Kind) -> Vec<Vec<u8>> {
        let objects = self.objects.lock().map(|objects| objects.clone());
        let objects = objects.unwrap_or_default().into_iter();
        objects
            .filter(|(found, _)| *found == kind)
            .map(|(_, bytes)| bytes)
            .collect()
    }
}

impl ObjectStore for Recorder {
    fn store_id(&self) -> StoreId {
        self.memory.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.memory.get_many(keys, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        if let Ok(mut all) = self.objects.lock() {
            all.extend(
                objects
                    .iter()
                    .map(|object| (object.kind, object.bytes.to_vec())),
            );
        }
        self.memory.put_many(objects)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.memory.commits_with_prefix(prefix, limit)
    }
}

/// Returns the nodes of a tree, the root first.
fn nodes(entries: &[(String, Vec<u8>)]) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    let mut tree = Tree::empty();
    for (path, value) in entries {
        tree.set(&path.parse()?, value.clone())?;
    }
    let recorder = Arc::new(Recorder::default());
    let store: Arc<dyn ObjectStore> = Arc::clone(&recorder) as _;
    tree.persist(&store)?;
    let mut nodes = recorder.of_kind(Kind::Node);
    nodes.reverse();
    Ok(nodes)
}

fn trees() -> Result<Vec<Seed>, Box<dyn std::error::Error>> {
    let few = [("a", 3), ("b/c", 200), ("b/d", 0)];
    let few: Vec<_> = few
        .iter()
        .map(|(path, len)| ((*path).to_owned(), vec![7; *len]))
        .collect();
    let many: Vec<_> = (0..60).map(|n| (format!("name{n:02}"), vec![n])).collect();
    let prefixes: Vec<_> = (1..40).map(|n| ("x".repeat(n), vec![1])).collect();
    let (few, many, prefixes) = (nodes(&few)?, nodes(&many)?, nodes(&prefixes)?);
    let three = [&few[0], &few[1], &few[0]].map(Clone::clone);
    Ok(vec![
        ("few", pieces(&few)),
        ("many", pieces(&many)),
        ("prefixes", pieces(&prefixes)),
        ("three", pieces(&three)),
        ("circle", pieces(&many[..1])),
    ])
}

fn chunks() -> Result<Vec<Seed>, Box<dyn std::error::Error>> {
    let recorder = Arc::new(Recorder::default());
    let store: Arc<dyn ObjectStore> = Arc::clone(&recorder) as _;
    let mut tree = Tree::empty();
    tree.set(&"large".parse()?, vec![7; 3 << 20])?;
    tree.persist(&store)?;
    let list = recorder
        .of_kind(Kind::Chunks)
        .pop()
        .ok_or("nothing was cut")?;
    let mut many = list[..2].to_vec();
    many.extend([0xff; 9]);
    many.push(1);
    Ok(vec![
        ("list", list),
        ("many", many),
        ("empty", vec![1, 2, 0]),
        ("blob", b"\x01\x01blob".to_vec()),
    ])
}

/// Three values for each rule, by its number among the names in order.
fn merges() -> Vec<Seed> {
    let seeds: [(&'static str, u8, [&str; 3]); 12] = [
        ("bytes", 0, ["a", "a", "b"]),
        ("counter", 1, ["10", "12", "-9223372036854775808"]),
        (
            "json",
            2,
            ["{\"a\":1}", "{\"a\":1,\"b\":[{}]}", "{\"a\":{\"a\":1e400}}"],
        ),
        (
            "json-text",
            2,
            ["\"\"", "\"\\ud800\"", "\"\\u0000\\ud83c\\udf33\""],
        ),
        ("log", 3, ["a\n", "a\nb\n", "a\nc\n"]),
        ("map", 4, ["{\"a\":1}", "{}", "{\"a\":1,\"c\":null}"]),
        ("max", 5, ["1", "1.50", "-0"]),
        ("min", 6, ["", "1e5", "99999999999999999999999999"]),
        ("queue", 7, ["a\nb\n", "b\n", "a\nb\nc"]),
        ("register", 8, ["", "5 0 n\nx", "6 1 m\ny"]),
        ("set", 9, ["a\n", "a\na\nb", "\n\nc\r\n"]),
        ("text", 10, ["a\nb\nc\n", "a\nB\nc", "a\nb\nc\nd\n"]),
    ];
    let seed = |number: u8, values: [&str; 3]| {
        let mut bytes = vec![number];
        bytes.extend(pieces(&values.map(|value| value.as_bytes().to_vec())));
        bytes
    };
    seeds
        .map(|(name, number, values)| (name, seed(number, values)))
        .into()
}

/// A blob of three bytes, without checksum: its head is `length << 3 | kind - 1`.
const RECORD: &[u8] = b"\x18abc";

/// One ref that points to the first record of the frame, and one that is gone.
const CHANGES: &[u8] = b"\x02\x07heads/a\x02\x00\x07heads/b\x00";

fn frame(kind: u8, record: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(pieces(&[record.to_vec(), changes.to_vec()]));
    bytes
}

fn pack_frames() -> Vec<Seed> {
    let commit = b"\x1f\x05\x02\x04\x03\x02abc";
    vec![
        ("transaction", frame(2, RECORD, CHANGES)),
        ("commit", frame(1, commit, b"")),
        ("checkpoint", frame(3, b"", b"\x00")),
        (
            "many-links",
            frame(1, b"\x1c\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b""),
        ),
        ("many-refs", frame(3, b"", b"\xff\xff\xff\xff\x0f\x01a")),
    ]
}

fn pack_stores() -> Result<Vec<Seed>, Box<dyn std::error::Error>> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = golden.join("../../crates/irmin-pack/tests/golden/v1/segments");
    let segment = fs::read(golden.join("00000001.seg"))?;
    let sidecar = fs::read(golden.join("00000001.idx"))?;
    let checkpoint = frame(3, b"", b"");
    let frames = [checkpoint, frame(2, RECORD, CHANGES), frame(4, b"", b"")].concat();
    // A node of thirty bytes, and others that are made from it and from one another.
    let node = [&b"\xf2\x01"[..], &[b'a'; 30]].concat();
    let changed = b"\x24\x92\x04\x1e\x0a\x04xy";
    let longer = b"\x34\xa2\x04\x20\x05\x07\x01xyz";
    let differences = [
        frame(3, b"", b""),
        frame(1, &node, b""),
        frame(1, changed, b""),
        frame(2, longer, b"\x01\x01m\x02\x00"),
    ];
    let differences = differences.concat();
    let with_sidecar = |count| [&[2, count][..], &frames, &sidecar].concat();
    Ok(vec![
        ("frames", [&[0, 3][..], &frames].concat()),
        ("differences", [&[0, 4][..], &differences].concat()),
        ("no-frame", vec![0, 0]),
        ("files", [&[1][..], &pieces(&[segment]), &sidecar].concat()),
        ("sidecar", with_sidecar(3)),
        ("sidecar-beyond", with_sidecar(1)),
    ])
}

fn bundles() -> Result<Vec<Seed>, Box<dyn std::error::Error>> {
    let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    let main = repo.branch("main")?;
    let write = |options: &BundleOptions| {
        let mut bytes = Vec::new();
        let go_on = &mut |_| ControlFlow::Continue(());
        repo.write_bundle(options, &mut bytes, go_on).map(|_| bytes)
    };
    let set = |at: &str, value: Vec<u8>| -> irmin_core::Result<Vec<(RefName, Id)>> {
        let head = main.set(&irmin_core::Path::parse(at)?, value, at)?;
        Ok(head
            .map(|head| (main.name().full(), head.id()))
            .into_iter()
            .collect())
    };
    let first = set("a", b"1".to_vec())?;
    let small = write(&BundleOptions::new(first.clone()))?;
    let all = BundleOptions::new(set("d/large", vec![7; 300])?);
    let since = BundleOptions {
        prerequisites: first.into_iter().map(|(_, id)| id).collect(),
        ..all.clone()
    };
    let one = BundleOptions {
        copy: CopyOptions {
            depth: NonZeroU32::new(1),
        },
        ..all.clone()
    };
    Ok(vec![
        ("small", small),
        ("all", write(&all)?),
        ("since", write(&since)?),
        ("one", write(&one)?),
        ("none", write(&BundleOptions::default())?),
    ])
}

/// Puts a length of two bytes before each piece.
fn pieces(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        bytes.extend(length.to_le_bytes());
        bytes.extend(piece);
    }
    bytes
}
