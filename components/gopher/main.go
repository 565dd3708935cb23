// Gopher greets the users it finds in a key-value store, each in their language and
// with the picture of their animal from a blob store. Which stores these are, it can't
// tell: its world imports wasi:keyvalue and wasi:blobstore, and a host plugs them in.
package main

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"gopher/hello/internal/abi"
	"gopher/hello/internal/wasihttp"
	"gopher/hello/services/internal/blobstore"
	"gopher/hello/services/internal/keyvalue"
)

const (
	visits  = "visits"  // the bucket that counts: a user's name is the key
	animals = "animals" // the container of pictures: dog.txt, cat.txt, …

	pictureLimit = 64 << 10
)

// inbox is room for the longest value that the host may hand over at once: 16 MiB,
// and a little for what else comes with it. Untouched, it takes up no real memory.
var inbox [(16<<20 + 64<<10) / 8]uint64

func init() {
	abi.Inbox(inbox[:])
	wasihttp.Handle(answer)
}

// A component is called, never run: main has to be here and stays empty.
func main() {}

// filesHandler is the next component's handler: for a host, or whoever composes the two,
// to link.
//
//go:wasmimport wasi:http/incoming-handler@0.2.0 handle
func filesHandler(request, out int32)

func answer(w *wasihttp.ResponseWriter, r *wasihttp.Request) {
	if r.Path == "/files" || strings.HasPrefix(r.Path, "/files/") {
		w.PassOn(filesHandler)
		return
	}
	reply := newReply(w, r)
	if r.Method != "GET" && r.Method != "HEAD" {
		w.SetHeader("allow", "GET, HEAD")
		reply.failed(405, "Only GET and HEAD, please.")
		return
	}
	name, ok := wasihttp.Unescape(strings.TrimPrefix(r.Path, "/"))
	if !ok || !utf8.ValidString(name) {
		reply.failed(400, "The path is not percent-encoded UTF-8.")
		return
	}

	var err error
	if name == "" {
		err = welcome(reply)
	} else {
		err = greet(reply, name, r.Method == "GET")
	}
	if err != nil {
		reply.failed(503, "The key-value store failed: "+strings.ToValidUTF8(err.Error(), "\uFFFD"))
	}
}

// welcome says hello and names the users who were here. WIT can't list buckets, so the
// users known are those with a count.
func welcome(reply reply) error {
	bucket, err := keyvalue.Open(visits)
	if err != nil {
		return err
	}
	defer bucket.Close()
	names, err := bucket.Keys()
	if err != nil {
		return err
	}
	users := make([]user, 0, len(names))
	for _, name := range names {
		count, ok, err := bucket.Get(name)
		if err != nil {
			return err
		}
		if ok { // and not deleted since it was listed
			n, err := strconv.ParseUint(count, 10, 64)
			users = append(users, user{name, n, err == nil})
		}
	}
	reply.welcome(users)
	return nil
}

// greet answers for one user. A look at the head alone is no visit.
func greet(reply reply, name string, counts bool) error {
	wanted, animal, known, err := look(name)
	if err != nil {
		return err
	}
	if !known {
		reply.unknown(name)
		return nil
	}
	count, err := visit(name, counts)
	if err != nil {
		return err
	}
	reply.greet(name, preferred(wanted), animal, picture(animal), count)
	return nil
}

// look finds what the store has about a user, who is known when it has anything.
func look(name string) (language, animal string, known bool, err error) {
	bucket, err := keyvalue.Open("user:" + name)
	if err != nil {
		return "", "", false, err
	}
	defer bucket.Close()
	language, hasLanguage, err := bucket.Get("accept-language")
	if err != nil {
		return "", "", false, err
	}
	animal, hasAnimal, err := bucket.Get("animal")
	if err != nil {
		return "", "", false, err
	}
	return language, short(strings.ToValidUTF8(animal, "\uFFFD")), hasLanguage || hasAnimal, nil
}

// short cuts a text that is too long for the name of an animal.
func short(text string) string {
	const most = 256
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// visit counts a visit, or says which one it would be.
func visit(name string, counts bool) (uint64, error) {
	bucket, err := keyvalue.Open(visits)
	if err != nil {
		return 0, err
	}
	defer bucket.Close()
	if counts {
		return bucket.Increment(name, 1)
	}
	text, _, err := bucket.Get(name)
	n, _ := strconv.ParseUint(text, 10, 64)
	return n + 1, err
}

// picture is the animal's, or "": a greeting is complete without one.
func picture(animal string) string {
	if animal == "" {
		return ""
	}
	data, whole, ok := blobstore.Read(animals, animal+".txt", pictureLimit)
	if !ok {
		return ""
	}
	if whole {
		return strings.ToValidUTF8(data, "\uFFFD")
	}
	return strings.ToValidUTF8(data, "") + "\n(The picture is larger: these are its first 64 KiB.)\n"
}
