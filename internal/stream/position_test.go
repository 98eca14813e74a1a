package stream

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPosition(t *testing.T) {
	t.Parallel()
	ms, seq := rapid.Int64Range(0, 1<<42-1), rapid.Int64Range(0, 1<<sequenceBits-1)
	rapid.Check(t, func(t *rapid.T) {
		ms1, seq1, ms2, seq2 := ms.Draw(t, "ms1"), seq.Draw(t, "seq1"), ms.Draw(t, "ms2"), seq.Draw(t, "seq2")
		entry := fmt.Sprintf("%d-%d", ms1, seq1)
		p1, err := ParsePosition(entry)
		if err != nil || p1.String() != entry {
			t.Fatalf("ParsePosition(%q) = %v, %v", entry, p1, err)
		}
		if !p1.Time().Equal(time.UnixMilli(ms1)) {
			t.Fatalf("%q is from %v", entry, p1.Time())
		}
		p2, err := ParsePosition(fmt.Sprintf("%d-%d", ms2, seq2))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := cmp.Compare(p1, p2), cmp.Or(cmp.Compare(ms1, ms2), cmp.Compare(seq1, seq2)); got != want {
			t.Fatalf("%v and %v compare as %d, want %d", p1, p2, got, want)
		}
		if first := PositionAt(time.UnixMilli(ms1)); first > p1 || first.Time() != p1.Time() {
			t.Fatalf("first position at %v is %v, behind %v", p1.Time(), first, p1)
		}
	})
}

func TestParsePositionRefuses(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{
		"", "-", "1", "1-", "-1", "1-x", "x-1", "-1-1", "1--1", "1-1048576", "4398046511104-0", "9223372036854775808-0", " 1-1", "1-1-1",
	} {
		if p, err := ParsePosition(entry); err == nil {
			t.Errorf("ParsePosition(%q) = %v", entry, p)
		}
	}
}

func TestPositionAtIsNeverNegative(t *testing.T) {
	t.Parallel()
	if p := PositionAt(time.Time{}); p != 0 {
		t.Errorf("PositionAt of the zero time is %v", p)
	}
}
