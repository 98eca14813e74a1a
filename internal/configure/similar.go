package configure

import "github.com/agnivade/levenshtein"

// maxSimilar is the length up to which similar names are looked for, in bytes: names in use are far shorter.
const maxSimilar = 100

// mostSimilar returns the name that is most easily mistyped as given, or nothing if none is close to it.
func mostSimilar(given string, names []string) string {
	if len(given) > maxSimilar {
		return ""
	}
	best, least := "", max(1, min(3, len(given)/4))+1
	for _, name := range names {
		// The distance is at least the difference of the lengths, which costs nothing to tell.
		if difference := len(name) - len(given); difference >= least || -difference >= least {
			continue
		}
		if distance := levenshtein.ComputeDistance(given, name); distance < least {
			best, least = name, distance
		}
	}
	return best
}
