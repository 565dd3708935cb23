package main

import (
	"strconv"
	"strings"
	"unicode"

	"gopher/hello/internal/wasihttp"
)

// reply writes an answer as text or, for those who ask for it, as JSON.
type reply struct {
	w    *wasihttp.ResponseWriter
	json bool
}

// user is a name in the bucket of visits. The count is good if it is a number.
type user struct {
	name  string
	count uint64
	good  bool
}

func newReply(w *wasihttp.ResponseWriter, r *wasihttp.Request) reply {
	json := wantsJSON(r.Header("accept"))
	kind := "text/plain; charset=utf-8"
	if json {
		kind = "application/json"
	}
	w.SetHeader("content-type", kind)
	w.SetHeader("vary", "accept")
	return reply{w, json}
}

// wantsJSON says whether an Accept header names JSON and does not like plain text better.
func wantsJSON(accept string) bool {
	json, text := 0, 0
	for _, choice := range choices(accept) {
		switch strings.ToLower(choice.value) {
		case "application/json":
			json = choice.weight
		case "text/plain":
			text = choice.weight
		}
	}
	return json > 0 && json >= text
}

func (r reply) write(text string) { r.w.WriteString(text) }

// failed says what went wrong.
func (r reply) failed(status int, what string) {
	r.w.WriteHeader(status)
	if r.json {
		r.write(`{"error":` + quoted(what) + "}\n")
		return
	}
	r.write(what + "\n")
}

const example = " accept-language en-US animal dog"

func (r reply) welcome(users []user) {
	if r.json {
		r.write(`{"greeting":"Hello from gopher!","users":[`)
		for i, user := range users {
			if i > 0 {
				r.write(",")
			}
			r.write(`{"name":` + quoted(user.name) + `,"visits":` + user.visits("null") + "}")
		}
		r.write("]}\n")
		return
	}
	r.write("Hello from gopher!\n\n")
	if len(users) == 0 {
		r.write("Nobody has been here yet. Make a user known, then GET their name:\n\n" +
			"    redis-cli HSET user:ricochet" + example + "\n")
		return
	}
	r.write("Who has been here, and how often:\n\n")
	for _, user := range users {
		r.write("    " + printable(user.name) + "  " + user.visits("?") + "\n")
	}
}

func (u user) visits(unknown string) string {
	if !u.good {
		return unknown
	}
	return strconv.FormatUint(u.count, 10)
}

// unknown says how to make a user known.
func (r reply) unknown(name string) {
	create := "redis-cli HSET " + shellWord("user:"+printable(name)) + example
	r.w.WriteHeader(404)
	if r.json {
		r.write(`{"error":` + quoted("There is no user "+name+" yet.") + `,"create":` + quoted(create) + "}\n")
		return
	}
	r.write("There is no user " + printable(name) + " yet. This makes one:\n\n    " + create + "\n")
}

func (r reply) greet(name string, in language, animal, picture string, count uint64) {
	visits := strconv.FormatUint(count, 10)
	called := in.animal(animal)
	if r.json {
		r.write(`{"user":` + quoted(name) + `,"language":` + quoted(in.tag) +
			`,"greeting":` + quoted(in.hello.with(name)) + `,"animal":` + quotedOrNull(animal) +
			`,"animal_name":` + quotedOrNull(called) + `,"visits":` + visits +
			`,"picture":` + quotedOrNull(picture) + "}\n")
		return
	}
	r.w.SetHeader("content-language", in.tag)
	r.write(in.hello.with(printable(name)) + "\n")
	if called != "" {
		r.write(in.favourite.with(printable(called)) + "\n")
	}
	r.write(in.visit.with(visits) + "\n")
	if picture != "" {
		r.write("\n" + picture)
		if !strings.HasSuffix(picture, "\n") {
			r.write("\n")
		}
	}
}

// printable leaves out what would move a terminal's cursor, or worse.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, text)
}

// shellWord quotes a word for a shell, if it needs that.
func shellWord(word string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-./:@%+,", c)
	}
	if strings.IndexFunc(word, func(c rune) bool { return !plain(c) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func quotedOrNull(text string) string {
	if text == "" {
		return "null"
	}
	return quoted(text)
}

// quoted is a JSON string. The standard library's encoder would double the size of the
// component.
func quoted(text string) string {
	const digits = "0123456789abcdef"
	out := append(make([]byte, 0, len(text)+2), '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			out = append(out, c)
		}
	}
	return string(append(out, '"'))
}
