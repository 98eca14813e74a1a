package catalogue

import (
	"strings"
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
