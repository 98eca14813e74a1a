package configure

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hookline/hookline/internal/usererror"
)

// maxText is the greatest length of keys, names and values to filter on, in characters.
const maxText = 255

// validKey reports whether an object can have this key.
func validKey(key string) bool {
	return key != "" && len(key) <= maxText && !strings.ContainsFunc(key, notInKey)
}

func notInKey(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// checkKey says what is wrong with a new object's key, and reports whether nothing is.
func checkKey(wrong *usererror.List, path, key string) bool {
	switch {
	case key == "":
		wrong.Add(usererror.Required, path, "a key is needed: 1–%d letters, digits, - and _", maxText)
	case utf8.RuneCountInString(key) > maxText:
		wrong.Add(usererror.OutOfRange, path, "the key has %d characters: at most %d are allowed", utf8.RuneCountInString(key), maxText)
	case !validKey(key):
		wrong.Add(usererror.Invalid, path, "the key %s has characters that are not allowed: use letters (a–z, A–Z), digits, - and _", quote(key))
	default:
		return true
	}
	return false
}

// checkName says what is wrong with a name, and reports whether nothing is.
func checkName(wrong *usererror.List, path, name string) bool {
	switch {
	case strings.TrimSpace(name) == "":
		wrong.Add(usererror.Required, path, "a name is needed: 1–%d characters, not all of them spaces", maxText)
	case utf8.RuneCountInString(name) > maxText:
		wrong.Add(usererror.OutOfRange, path, "the name has %d characters: at most %d are allowed", utf8.RuneCountInString(name), maxText)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		wrong.Add(usererror.Invalid, path, "the name %s has control characters or is not UTF-8: remove them", quote(name))
	default:
		return true
	}
	return false
}

// storable reports whether every database can hold the text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// maxQuoted is how much of a value is shown in a message, in characters.
const maxQuoted = 64

// quote shows a value in a message: its beginning, if it is long, and nothing that could break up the line.
func quote(value string) string {
	shown, more := value, ""
	if n := 0; utf8.RuneCountInString(value) > maxQuoted {
		for i := range value {
			if n == maxQuoted {
				shown, more = value[:i], "…"
				break
			}
			n++
		}
	}
	if strings.ContainsFunc(shown, func(r rune) bool { return r == '`' || r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return strconv.Quote(shown) + more
	}
	return "`" + shown + more + "`"
}
