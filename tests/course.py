"""What each notebook must show, cell by cell, and wrong and right answers to its tasks."""

from __future__ import annotations

SHOWS: dict[str, list[tuple[str, str]]] = {
    "00-start-here": [
        ("first", "Hello, world, from a Go component!"),
        ("world", '<svg class="wl-world"'),
        ("world", "└── wasi:http/incoming-handler@0.2.0"),
        ("machine", "bundled components: blobby, echo, gopher, hello"),
        ("machine", "curl"),
    ],
    "01-hello-component": [
        ("load", "Hello, world, from a Go component!"),
        ("world", '<svg class="wl-world"'),
        ("wit", "export wasi:http/incoming-handler@0.2.0;"),
        ("digest", "sha256 "),
        ("call", "200 text/plain"),
        ("call", "Hello, Ada, from a Go component!"),
        ("twin", "Hello, Ada, from a Go component!"),
        ("twin", "Hello, Ada, from a Rust component!"),
        ("twin", "same exports: True"),
        ("twin-world", "hello-rust"),
        ("client", "Hello, Grace"),
        ("client", "405 Method Not Allowed · allowed: GET, HEAD"),
        ("stream", "chunk 4"),
        ("serve", "serving at http://127.0.0.1:"),
        ("curl", "HTTP/1.1 200 OK"),
        ("curl", "Hello, Ada, from a Go component!"),
        ("stop", "stopped"),
        ("break", "count 1\ncount 2"),
        ("trap", "trouble trapped: wasm `unreachable` instruction executed"),
        ("trap", "guest backtrace (innermost first):\n  0: "),
        ("trap-next", "count 1"),
        ("panic", "this is the message of the panic"),
        ("loop", "GuestTimeout: trouble ran past its deadline of 1 s"),
        ("memory", "GuestOutOfMemory: trouble wanted more memory than its cap of 64 MiB"),
        ("silent", "GuestNoResponse: "),
        ("missing-world", "nothing: traps when called"),
        ("missing", "GuestTrap: the guest called lab:missing/nowhere@0.1.0#lost, which nothing provides here"),
        ("interface", "the guest asks: anybody?\n8"),
        ("interface-world", "lab:missing/nowhere@0.1.0          ← Nowhere"),
        ("shape", "LinkError: lab:missing/nowhere@0.1.0#lost passes 's' as str, but Crooked takes 's' as bytes"),
        ("shape", "still there: Nowhere"),
    ],
    "02-gopher-and-its-services": [
        ("world", "wasi:keyvalue/store@0.2.0-draft       ← memory"),
        ("links", "keyvalue   → memory  (gopher)"),
        ("links", '<table class="wl-links">'),
        ("nobody", "redis-cli HSET user:ricochet accept-language en-US animal dog"),
        ("embedded", "redis://127.0.0.1:"),
        ("hset", "2\n2\n"),
        ("greet", "Hello, ricochet!\nYour favourite animal: dog.\nThis is visit number 1."),
        ("greet", "你最喜欢的动物：猫。"),
        ("greet", "This is visit number 2."),
        ("picture", "(    @\\___"),
        ("inside", "visits          {'mossaka': b'1', 'ricochet': b'3'}"),
        ("inside", "redis-cli says  3"),
        ("swap", "embedded Redis at 127.0.0.1"),
        ("swap", "6 keys, 18 bytes moved"),
        ("swap", "这是第 2 次来访。"),
        ("real", "a real redis-server at redis://127.0.0.1:"),
        ("real", "这是第 3 次来访。"),
        ("traffic", " greetings, 0 of them failed"),
        ("history", "moved in"),
        ("refused", "does not answer (connection refused); is it running?"),
        ("refused", "still there: 200"),
        ("down", "503 The key-value store failed: "),
        ("down", "is switched off"),
        ("down", "200 after "),
        ("readonly", "503 The key-value store failed: access denied"),
        ("readonly", "read-only"),
        ("deploy-plan", "link   greeter → wasi:keyvalue → visits (sqlite:///"),
        ("deploy", "greeter answers at http://127.0.0.1:"),
        ("deploy-curl", "Hello, ricochet!"),
    ],
    "03-blobby-and-azure": [
        ("world", "wasi:blobstore/container@0.2.0-draft  ← memory"),
        ("serve", "serving at http://127.0.0.1:"),
        ("walk-create", "201\r\nhello, blob  200"),
        ("walk-update", "200\r\nhello again, blob  200\r\nhello.txt"),
        ("walk-delete", "204\r\nThere is no hello.txt in default.\r\n404"),
        ("put", "201 /notes/monday.txt"),
        ("put", "ünïcode 🐹.txt"),
        ("where", "ObjectInfo(name='notes/monday.txt', container='default'"),
        ("folder", "3 objects, 18 bytes moved"),
        ("folder", "default/notes%2Fmonday.txt"),
        ("folder-read", "squeak\npurr"),
        ("stream", "up:   201"),
        ("stream", "down: 64 MiB"),
        ("stream", "the same bytes: True"),
        ("range", "206 bytes 7340028-7340035/67108864"),
        ("range", "b'\\x00\\x00\\x00\\x06\\x00\\x00\\x00\\x07'"),
        ("azure", "3 objects, 18 bytes moved"),
        ("azure-names", "201 I am in ünïcode"),
        ("digest", "memory → folder"),
        ("down", "502 The store failed: "),
        ("down", "after that: purr"),
        ("compose", "Your favourite animal: cat."),
        ("compose", "purr"),
        ("compose-swap", "Hello, files/cats.txt, from a Go component!"),
        ("compose-links", "gopher handler  → files  (gopher)"),
    ],
    "04-swap-live": [
        ("panel", "Panel("),
        ("swap", "memory → embedded Redis, hashes, 5 keys"),
        ("swap-real", "a real redis-server at redis://127.0.0.1:"),
        ("swap-real", "5 keys"),
        ("count", "failed 0"),
        ("trace", "GET /mossaka → 200"),
        ("trace", "<svg"),
        ("trace-data", "bucket 'user:mossaka'.get('animal') → b'cat'"),
        ("data", "Your favourite animal: fox."),
        ("trouble", "503: The key-value store failed: "),
        ("trouble", "\n200\n"),
    ],
    "05-the-whole-talk": [
        ("talk", "→   0a  Problem 1: business logic that moves"),
        ("one", "✓ every host is given the same file, digest for digest"),
        ("one", "\ndone\n"),
        ("order", "HSET user:ricochet accept-language en-US animal dog"),
        ("all", "✓ 0a Problem 1: business logic that moves"),
        ("all", "✓ 10 Close: your language, your interface, your provider"),
        ("measured", "<svg"),
        ("figures", "import "),
        ("step", "done\n"),
        ("fails", "failed\nexpected: the component greets Grace\ncame: Hello, Ada, from a Go component!"),
    ],
    "06-write-your-own-provider": [
        ("four", "<JSON file store.json>"),
        ("plug", "Your favourite animal: fox."),
        ("plug", "JSON file store.json"),
        ("plug-file", '"ada": "1"'),
        ("move", "memory → JSON file store.json, 1 key, 3 bytes moved"),
        ("suite", "2 of 3 checks passed"),
        ("suite", "✗ foreign-cursors"),
        ("pages", "3 of 3 checks passed"),
        ("errors", "503 The key-value store failed: JSON file sundays.json is closed on Sundays"),
    ],
    "07-write-your-own-interface": [
        ("component", "import acme:greet/translator@0.1.0;"),
        ("nobody", "which nothing provides here"),
        ("serve", "hello  fr   bonjour\ndog    de   Hund\nhello  tlh  hello"),
        ("serve-world", "← a dictionary of 4 words"),
        ("swap", "olleh\nbonjour"),
        ("fit", "with 2 argument(s) (text, language), but Forgetful has translate(text: str)"),
        ("versions", "Newer serves acme:greet/translator@0.2.0, but greeter imports acme:greet/translator@0.1.0"),
        ("versions-patch", "HALLO"),
        ("resources", "b'stressed'"),
        ("resources", "the guest was told: Variant(tag='access-denied', value=None)"),
        ("resources", "riddles are not for changing"),
    ],
}

#: Each is told something of its own.
WRONG: dict[str, dict[str, list[str]]] = {
    "01-hello-component": {
        "deadline": [
            "caught = 'GuestTimeout'",
            "try:\n    trouble.get('/trap')\nexcept wl.LabError as error:\n    caught = error",
            "try:\n    trouble.get('/loop')\nexcept wl.LabError as error:\n    caught = error",
            "try:\n    trouble.get('/loop', deadline=2.2)\nexcept wl.LabError as error:\n    caught = error",
            "try:\n    trouble.get('/loop', deadline=0.2)\nexcept wl.LabError as caught:\n    pass",
            "trouble = lab.load('trouble', deadline=0.2)\n"
            "try:\n    trouble.get('/loop')\nexcept wl.LabError as error:\n    caught = error",
        ],
        "dice": [
            "dice = '00000000'",
            "dice = lab.load('tiny', name='dice')",
            "dice = lab.load('echo', name='dice')",
            "dice = lab.load('echo')",
            """
@wl.interface("wasi:random/random@0.2.0")
class Told:
    def get_random_bytes(self, length: int):
        return "0" * length

dice = lab.load("echo", name="dice", providers=[Told()])""",
            """
@wl.interface("wasi:random/random@0.2.0")
class Broken:
    def get_random_bytes(self, length: int):
        raise RuntimeError("no luck today")

dice = lab.load("echo", name="dice", providers=[Broken()])""",
            """
@wl.interface("wasi:random/random@0.2.0")
class Ones:
    def get_random_bytes(self, length: int) -> bytes:
        return b"\\1" * length

dice = lab.load("echo", name="dice", providers=[Ones()])""",
            """
@wl.interface("wasi:random/random@0.2.0")
class Everywhere:
    def get_random_bytes(self, length: int) -> bytes:
        return bytes(length)

    def get_random_u64(self) -> int:
        return 0

lab.provide(Everywhere())
dice = lab.load("echo", name="dice")""",
        ],
    },
    "02-gopher-and-its-services": {
        "user": [
            "bonjour = 'Bonjour'",
            "bonjour = gopher.get('/toulouse')",
            "bonjour = gopher.get('/mossaka')",
            "lab.keyvalue.provider.set('user:toulouse', 'animal', b'fox')\nbonjour = gopher.get('/toulouse')",
            "lab.keyvalue.provider.set('user:toulouse', 'accept-language', b'fr')\n"
            "lab.keyvalue.provider.set('user:toulouse', 'animal', b'dog')\nbonjour = gopher.get('/toulouse')",
            "lab.keyvalue.provider.set('user:toulouse', 'animal', b'renard')\nbonjour = gopher.get('/toulouse')",
            "lab.keyvalue.provider.set('user:toulouse', 'animal', b'dog')\nbonjour = gopher.get('/toulouse')\n"
            "lab.keyvalue.provider.set('user:toulouse', 'animal', b'fox')",
        ],
        "move": [
            "pass",
            "(folder / 'moved.db').touch()",
            "(folder / 'moved.db').unlink()\nlab.keyvalue.swap(f\"sqlite:///{(folder / 'moved.db').as_posix()}\")",
            "lab.keyvalue.swap(real_url)\n"
            "lab.keyvalue.swap(f\"sqlite:///{(folder / 'moved.db').as_posix()}\", migrate=True)\n"
            "count_before = int(lab.keyvalue.provider.get('visits', 'ricochet'))",
        ],
    },
    "03-blobby-and-azure": {
        "picture": [
            "with_picture = '=^.^='",
            "with_picture = gopher.get('/ada')",
            "blobby.put('/cat.txt?container=animals', content='')\nwith_picture = gopher.get('/ada')",
            "with_picture = gopher.get('/ada')\nblobby.put('/cat.txt?container=animals', content='=^.^=')",
        ],
        "readonly": [
            "refused = 405",
            "refused = gopher.put('/files/cats.txt', content='purr')",
            "refused = gopher.put('/cats.txt', content='purr')",
            "refused = gopher.get('/files/nothing.txt')",
            "refused = files.put('/cats.txt', content='meow')",
            "trouble = lab.blobstore.wrap(wl.Troubled)\ntrouble.down = True\n"
            "refused = gopher.put('/files/cats.txt', content='meow')\nlab.blobstore.unwrap()",
            "lab.blobstore.wrap(wl.ReadOnly)\nrefused = gopher.put('/files/cats.txt', content='meow')",
        ],
    },
    "04-swap-live": {
        "live": [
            "live = 'traffic'",
            "live = lab.traffic(gopher, '/mossaka', rate=50)",
            "live.stop()\nlive = lab.traffic(gopher, '/nobody', rate=50)\nlive.stop()",
            "live = lab.traffic(gopher, '/mossaka', rate=50)\ntime.sleep(0.5)\nlive.stop()",
            "live = lab.traffic(gopher, '/mossaka', rate=50)\nfor _ in range(2):\n    time.sleep(0.5)\n"
            "    lab.keyvalue.swap('memory://', migrate=True)\nlab.keyvalue.swap('memory://')\ntime.sleep(0.5)\nlive.stop()",
        ],
        "slow": [
            "slowest = 0.2",
            "slowest = 'bucket.get'",
        ],
    },
    "05-the-whole-talk": {
        "fastest": [
            "fastest, times = 'teleport', 1.0",
            "fastest, times = 'hop', 1.0",
            "fastest, times = 'import', '1.0'",
            "fastest, times = ['import'], 1.0",
            "fastest, times = {'import': 1}, 1.0",
            "fastest, times = 'import', [1.0]",
            "fastest, times = 'http', 1000.0",
        ],
        "step": [
            "mine = 'Bonjour'",
            "mine = Greets",
            """
class Lazy(Greets):
    def run(self, stage):
        stage.expect(self.must_show[0], True, "Bonjour")

mine = Lazy()""",
            """
class Commaless(Greets):
    must_show = ("gopher greets Toulouse in French")

    def run(self, stage):
        stage.expect(self.must_show, True, "Bonjour")

mine = Commaless()""",
            "class Other(Step):\n    must_show = ('it speaks French',)\n\nmine = Other()",
            "mine = Expects()",
            "class Slide(Greets):\n    must_show = ()\n\n    def run(self, stage):\n        stage.say('Bonjour')\n\n"
            "mine = Slide()",
        ],
    },
    "06-write-your-own-provider": {
        "remembering": [
            "remembering = []",
            "remembering = Paged(folder / 'a.json')",
            """
class Rootless(Paged):
    def __init__(self, path):
        self.graveyard = []

remembering = Rootless(folder / "r.json")""",
            """
class Truthful(Paged):
    graveyard = []

    def delete(self, bucket, key):
        if self.get(bucket, key):
            self.graveyard.append((bucket, key))
        super().delete(bucket, key)

remembering = Truthful(folder / "t.json")""",
            "class Numb(Paged):\n    graveyard = []\n\n    def delete(self, bucket, key):\n        pass\n\n\n"
            "remembering = Numb(folder / 'b.json')",
            "class Blank(Paged):\n    graveyard = []\n\n\nremembering = Blank(folder / 'c.json')",
            """
class Eager(Paged):
    def __init__(self, path):
        super().__init__(path)
        self.graveyard = []

    def delete(self, bucket, key):
        self.graveyard.append((bucket, key))
        super().delete(bucket, key)

remembering = Eager(folder / "d.json")""",
        ],
        "buckets": [
            "movable = 'house'",
            "movable = Paged(folder / 'e.json')",
            """
class Hoarder(Paged):
    def buckets(self, cursor=None, limit=1000):
        return Page(sorted(self.data), None)

movable = Hoarder(folder / "f.json")""",
            """
class Flood(Paged):
    def buckets(self, cursor=None, limit=1000):
        return Page([name for name in sorted(self.data) if self.data[name]], None)

movable = Flood(folder / "g.json")""",
            """
class First(Paged):
    def buckets(self, cursor=None, limit=1000):
        return Page([name for name in sorted(self.data) if self.data[name]][:limit], None)

movable = First(folder / "h.json")""",
        ],
    },
    "07-write-your-own-interface": {
        "polite": [
            "polite = greeter.call('greet', 'dog', 'fr')",
            "lab.provide(Dictionary())\npolite = greeter.call('greet', 'dog', 'fr')",
            "polite = 'chien, s\\'il vous plaît'",
            "polite = 'chien, please'",
            "last, greeter = greeter, wl.Lab().load(bytes(wasmtime.wat2wasm(WAT)), name='greeter')",
            "greeter = last\npolite = greeter.call('greet', 'dog', 'de')",
        ],
        "count": [
            "counting = Dictionary",
            "counting = Dictionary()",
            """
@wl.interface("acme:greet/translator@0.1.0")
class Counter(Dictionary):
    def __init__(self):
        self.asked = {}

    def translate(self, text: str, language: str) -> str:
        self.asked[language] = self.asked.get(language, 0) + 1
        return super().translate(text, language)

counting = Counter()""",
            "for language in ('fr', 'fr', 'fr', 'de'):\n    counting.translate('hello', language)",
            "lab.provide(counting)\ngreeter.call('greet', 'hello', 'fr')",
        ],
    },
}

#: What the message of a wrong answer says to do, where doing the task over is not enough: code, or a cell's id.
WAY_BACK: dict[str, dict[str, list[str]]] = {
    "01-hello-component": {"deadline": ["break"], "dice": ["load"]},
    "02-gopher-and-its-services": {"move": ["lab.keyvalue.swap(real_url)"]},
    "03-blobby-and-azure": {"readonly": ["lab.blobstore.unwrap()"]},
    "04-swap-live": {"live": ["load", "panel"]},
}

#: Other right answers than the solution, each given after the ones before.
RIGHT: dict[str, dict[str, list[str]]] = {
    "01-hello-component": {
        "dice": [
            # Without a name it took the place of the notebook's own `echo`, which is closed by that.
            "lab.load('echo', providers=[Zeros()])\ndice = lab.load('echo', name='dice', providers=[Zeros()])",
        ],
    },
    "04-swap-live": {
        "live": [
            # As the panel does it.
            "lab.traffic(gopher, '/mossaka', rate=20)\nfor url in ('memory://', 'fakeredis://'):\n    time.sleep(0.5)\n"
            "    lab.keyvalue.swap(url, migrate=True)\ntime.sleep(0.5)\n"
            "lab.traffics[-1].stop()\nlive = lab.traffics[-1]",
            # One that was never stopped flows beside it.
            "lab.traffic(gopher, '/mossaka', rate=20)\nlive = lab.traffic(gopher, '/mossaka', rate=20)\n"
            "for url in ('memory://', 'fakeredis://'):\n    time.sleep(0.5)\n"
            "    lab.keyvalue.swap(url, migrate=True)\ntime.sleep(0.5)\nlive.stop()",
        ],
    },
    "05-the-whole-talk": {
        "fastest": [
            "import fractions\n\ntimes = fractions.Fraction(took['http'], took['import'])\n"
            "fastest = min(took, key=lambda way: (way in ('provider', 'hop'), took[way]))",
        ],
    },
}

#: Cells that are run once: one that says so itself, until what it made is stopped; and the whole talk, for its length.
ONCE = {"02-gopher-and-its-services": ["deploy"], "05-the-whole-talk": ["all"]}
