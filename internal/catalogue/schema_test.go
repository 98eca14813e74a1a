package catalogue

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func compile(t *testing.T, text string) *Schema {
	t.Helper()
	schema, err := CompileSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSchemaCheck(t *testing.T) {
	t.Parallel()
	price := compile(t, `{"type":"object","required":["id"],"properties":{"price":{"type":"number","minimum":0},"code":{"pattern":"^a+$"}}}`)
	for name, c := range map[string]struct{ payload, want string }{
		"what satisfies it":  {`{"id":1,"price":0.5}`, ""},
		"another type":       {`[]`, "the whole value: got array, want object"},
		"a missing property": {`{}`, "'id'"},
		"a member":           {`{"id":1,"price":-1}`, "/price: "},
		"two reasons":        {`{"price":-1}`, "; "},
		"no JSON":            {`{`, "not JSON"},
		"a NUL":              {`{"id":1,"code":"\u0000"}`, "/code: "},
		"a huge exponent":    {`{"id":1,"price":1e99999999999}`, "exponent"},
		"a large exponent":   {`{"id":1,"price":[1E-999999]}`, "exponent"},
		"a deep value":       {`{"id":1,"price":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, "64 levels"},
		"a name twice":       {`{"id":1,"price":"x","price":0}`, "/price: the name is given twice"},
		"one further down":   {`{"id":1,"a":[0,{"b\u0000":1,"b\u0000":1}]}`, "/a/1/b : the name is given twice"},
		"a long one":         {`{"id":1,"` + strings.Repeat("é", 300) + `":1,"` + strings.Repeat("é", 300) + `":1}`, "the name is given twice"},
		"in two objects":     {`{"id":1,"a":{"id":1},"b":[{"id":1},{"id":1}]}`, ""},
		"a long number":      {`{"id":1,"price":` + strings.Repeat("1", 5000) + `}`, "too long"},
	} {
		got := price.Check([]byte(c.payload))
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want something with %q", name, got, c.want)
		}
		if strings.ContainsRune(got, 0) || len(got) > MaxSchemaError {
			t.Errorf("%s: %q cannot be stored", name, got)
		}
	}
}

func TestSchemaCheckSaysNoMoreThanTheFirstReasons(t *testing.T) {
	t.Parallel()
	schema := compile(t, `{"additionalProperties":{"enum":["`+strings.Repeat("é", 500)+`"]}}`)
	var payload strings.Builder
	payload.WriteString(`{"":0`)
	for i := range 100 {
		payload.WriteString(`,"` + strings.Repeat("x", 300) + string(rune('à'+i)) + `":1`)
	}
	got := schema.Check([]byte(payload.String() + "}"))
	if !strings.HasSuffix(got, "; and 98 more") || len(got) > MaxSchemaError || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestCompileSchemaRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"nothing":            {"", "not JSON"},
		"a number":           {"7", "an object, true or false"},
		"a wrong keyword":    {`{"type":"strin"}`, "/type: "},
		"a wrong regex":      {`{"pattern":"("}`, "/pattern"},
		"a missing part":     {`{"$ref":"#/$defs/x"}`, "$defs/x"},
		"too much":           {`{"description":"` + strings.Repeat("x", MaxSchema) + `"}`, "at most 65536"},
		"a huge number":      {`{"minimum":1e999999}`, "exponent"},
		"an unknown dialect": {`{"$schema":"https://example.com/dialect"}`, "refers to another document"},
		"a file":             {`{"$ref":"file:///etc/hostname"}`, "refers to another document"},
		"a drafts' schema":   {`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, "refers to another document"},
		"an old schema":      {`{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"http://json-schema.org/draft-07/schema#"}`, "refers to another document"},
		"a dynamic one":      {`{"$dynamicAnchor":"a","items":{"$dynamicRef":"#a"}}`, "$dynamicRef"},
		"a recursive one":    {`{"$schema":"https://json-schema.org/draft/2019-09/schema","items":{"$recursiveRef":"#"}}`, "$recursiveRef"},
		"no end":             {`{"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"$ref":"#"}]}}}`, "without end"},
		"no end, deep down":  {`{"items":{"not":{"$ref":"#/items"}}}`, "without end"},
		"doubling":           {doubling(20), "more than 1000 subschemas"},
		"many parts":         {`{"enum":[` + strings.Repeat("true,", 2000) + `true]}`, "at most 2000"},
		"a deep one":         {strings.Repeat(`{"items":`, 65) + "{}" + strings.Repeat("}", 65), "64 levels"},
		"a long regex":       {`{"pattern":"` + strings.Repeat("a", 1001) + `"}`, "at most 1000"},
		"a large regex":      {`{"patternProperties":{"a{1000}b{1000}c{1000}":true}}`, "at most 2000"},
		"a URL":              {`{"$ref":"https://example.com/schema.json"}`, "refers to another document"},
	} {
		_, err := CompileSchema([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
			continue
		}
		if len(err.Error()) > MaxSchemaError || strings.Contains(err.Error(), schemaURL) {
			t.Errorf("%s: %q", name, err)
		}
	}
}

// doubling is a schema that holds one value twice against a schema that holds it twice, and so on.
func doubling(levels int) string {
	var defs strings.Builder
	for i := range levels {
		fmt.Fprintf(&defs, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	return fmt.Sprintf(`{"$ref":"#/$defs/d0","$defs":{%s"d%d":{"type":"object"}}}`, defs.String(), levels)
}

func TestSchemasMayHaveIdentifiers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"$id":"https://example.com/root","$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}`,
		`{"$id":"https://example.com/root","$ref":"https://example.com/root#/$defs/a","$defs":{"a":{"type":"string"}}}`,
		`{"$id":"https://example.com/root","$ref":"item","$defs":{"a":{"$id":"item","type":"string"}}}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":"#x","$defs":{"a":{"$anchor":"x","type":"string"}}}`,
		`{"$schema":"https://json-schema.org/draft/2019-09/schema","type":"string"}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","type":"string","contentMediaType":"application/json"}`,
		`{"$schema":"http://json-schema.org/draft-04/schema#","id":"https://example.com/x","type":"string"}`,
	} {
		schema := compile(t, text)
		if got := schema.Check([]byte(`"x"`)); got != "" {
			t.Errorf("%s: %q", text, got)
		}
		if got := schema.Check([]byte("7")); got == "" {
			t.Errorf("%s: a number satisfies it", text)
		}
	}
}

func TestSchemaCheckGivesUp(t *testing.T) {
	t.Parallel()
	const large = 256 << 10
	repeated := func(item string) string { return "[" + strings.Repeat(item+",", large/(len(item)+1)-1) + item + "]" }
	numbers := func(n int) string {
		var list strings.Builder
		for i := range n {
			fmt.Fprintf(&list, "%d,", i+1)
		}
		return list.String() + "0"
	}
	for name, c := range map[string]struct{ schema, payload string }{
		"doubling with every level of the value": {
			`{"properties":{"a":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}`, strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60),
		},
		"doubling that always fails": {
			`{"items":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]},"minItems":1}`, strings.Repeat("[", 60) + strings.Repeat("]", 60),
		},
		"tripling names": {
			`{"type":["object","string"],"additionalProperties":{"$ref":"#"},"patternProperties":{"a":{"$ref":"#"},"^a":{"$ref":"#"}}}`,
			strings.Repeat(`{"a":`, 60) + `"x"` + strings.Repeat("}", 60),
		},
		"tripling in an older draft": {
			`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":{"properties":{"a":{"$ref":"#"}}}},"if":{"properties":{"a":{"$ref":"#"}}},"then":{"properties":{"a":{"$ref":"#"}}}}`,
			strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60),
		},
		"a large enumeration":     {`{"items":{"enum":[` + numbers(12_000) + `]}}`, repeated("0")},
		"a large regex":           {`{"items":{"pattern":"(x+x+)+y|a{500}|(b|c|d.*){100}z"}}`, `["` + strings.Repeat("bcd", large/3) + `"]`},
		"many regexes":            {`{"patternProperties":{` + manyPatterns(100) + `}}`, `{"` + strings.Repeat("a", large) + `":1}`},
		"many combinations":       {`{"items":{"allOf":[` + strings.Repeat(`{"minimum":0},`, 900) + `{}]}}`, repeated("0")},
		"many lengths of texts":   {`{"allOf":[` + strings.Repeat(`{"minLength":1},`, 900) + `{}]}`, `"` + strings.Repeat("a", large) + `"`},
		"many objects, all other": {`{"uniqueItems":true}`, repeated(`["a","b"]`)},
		"unevaluated members": {
			`{"allOf":[` + strings.Repeat(`{"properties":{"b":true}},`, 600) + `{}],"unevaluatedProperties":false}`, "{" + repeatedMembers(20_000) + "}",
		},
		"a format of a long text": {
			`{"$schema":"http://json-schema.org/draft-07/schema#","allOf":[` + strings.Repeat(`{"format":"uri"},`, 900) + `{}]}`, `"http:` + strings.Repeat("a", large) + `"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := compile(t, c.schema).Check([]byte(c.payload)); got != errTooMuchWork.Error() {
				t.Errorf("got %q", got)
			}
		})
	}
}

func manyPatterns(n int) string {
	patterns := make([]string, n)
	for i := range patterns {
		patterns[i] = fmt.Sprintf(`"a*b{%d}":true`, i+1)
	}
	return strings.Join(patterns, ",")
}

func repeatedMembers(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`"m%d":1`, i)
	}
	return strings.Join(members, ",")
}

func TestSchemaCheckTakesLargePayloads(t *testing.T) {
	t.Parallel()
	const customer = `{"id":"0191d5a0-7c1b-7b7a-9a51-6d7a8c1f0b01","country":"c17","email":"a@example.com","total":12.5,"tags":["a","b"]}`
	countries := make([]string, 250)
	for i := range countries {
		countries[i] = fmt.Sprintf(`"c%d"`, i)
	}
	for name, c := range map[string]struct{ schema, payload string }{
		"numbers": {`{"items":{"type":"number","minimum":0}}`, "[" + strings.Repeat("7,", 130_000) + "7]"},
		"a text":  {`{"properties":{"data":{"pattern":"^[A-Za-z0-9+/]*=*$"}}}`, `{"data":"` + strings.Repeat("QUJD", 60_000) + `"}`},
		"objects": {
			`{"items":{"type":"object","required":["id"],"additionalProperties":false,"properties":{"id":{"type":"string","pattern":"^[0-9a-f-]{36}$"},
				"country":{"enum":[` + strings.Join(countries, ",") + `]},"email":{"type":"string","format":"email","maxLength":255},
				"total":{"type":"number","exclusiveMinimum":0},"tags":{"items":{"type":"string"},"uniqueItems":true}}}}`,
			"[" + strings.Repeat(customer+",", 2000) + customer + "]",
		},
		"the deepest": {`{"items":{"$ref":"#"}}`, strings.Repeat("[", 64) + strings.Repeat("]", 64)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := compile(t, c.schema).Check([]byte(c.payload)); got != "" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestSchemaCheckOfMany(t *testing.T) {
	t.Parallel()
	schema := compile(t, `{"items":{"type":"integer"}}`)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			payload, want := "[1,2,3]", ""
			if i%2 == 1 {
				payload, want = `[1,"a"]`, "/1: got string, want integer"
			}
			for range 20 {
				if got := schema.Check([]byte(payload)); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
	all.Wait()
}

func TestSchemaCheckOfManyFailures(t *testing.T) {
	t.Parallel()
	schema := compile(t, `{"items":{"type":"string"}}`)
	if got := schema.Check([]byte("[" + strings.Repeat("1,", 130_000) + "1]")); !strings.Contains(got, "too many places") {
		t.Errorf("got %q", got)
	}
}

func TestSchemasMayReferToThemselves(t *testing.T) {
	t.Parallel()
	tree := compile(t, `{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"children":{"items":{"$ref":"#/$defs/tree"}}}}}}`)
	if got := tree.Check([]byte(`{"children":[{"children":[]}]}`)); got != "" {
		t.Error(got)
	}
	if got := tree.Check([]byte(`{"children":[{"children":[7]}]}`)); !strings.Contains(got, "/children/0/children/0: ") {
		t.Errorf("got %q", got)
	}
	draft7 := compile(t, `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"a":{"type":"string"}},"items":[{"$ref":"#/definitions/a"}]}`)
	if got := draft7.Check([]byte(`[1]`)); !strings.Contains(got, "/0: ") {
		t.Errorf("got %q", got)
	}
}
