package id_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
)

func TestFormatAndParseAreInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := id.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
		prefix, got, err := id.Parse(id.Format(id.Event, want))
		if err != nil || prefix != id.Event || got != want {
			t.Fatalf("Parse(Format(%v)) = %v, %v, %v", want, prefix, got, err)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "evt", "evt_", "_", "evt_01h455vb4pex5vsknk084sn02", "evt_01h455vb4pex5vsknk084sn02qq",
		"evt_81h455vb4pex5vsknk084sn02q", "evt_01h455vb4pex5vsknk084sn02u", "evt_01h455vb4pex5vsknk084sn0é",
	} {
		if _, _, err := id.Parse(text); err == nil {
			t.Errorf("Parse(%q) succeeded", text)
		}
	}
	if _, err := id.ParseAs(id.Delivery, id.Format(id.Event, id.New())); err == nil {
		t.Error("ParseAs accepted another prefix")
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Millisecond)
	made := id.New()
	if at := id.Time(made); at.Before(before) || at.After(time.Now()) {
		t.Errorf("Time(%v) = %v, made just after %v", made, at, before)
	}
	first := id.FirstAt(id.Time(made))
	if bytes.Compare(first[:], made[:]) > 0 || first.Version() != 7 || first.Variant() != uuid.RFC4122 {
		t.Errorf("FirstAt = %v, above %v or not a UUIDv7", first, made)
	}
}

func TestForBucket(t *testing.T) {
	t.Parallel()
	a, b := id.New(), id.New()
	got := id.ForBucket([]id.ID{a, b})
	if got != id.ForBucket([]id.ID{b, a}) || got == id.ForBucket([]id.ID{a}) || got == id.ForBucket([]id.ID{a, b, id.New()}) {
		t.Error("the id of a bucket is not that of its events")
	}
	if got.Version() != 7 || !id.Time(got).Equal(id.Time(a)) {
		t.Errorf("%v is not a UUIDv7 of the oldest event's time", got)
	}
}

func TestForDelivery(t *testing.T) {
	t.Parallel()
	event, sub := id.New(), id.New()
	got := id.ForDelivery(event, sub)
	if got != id.ForDelivery(event, sub) || got == id.ForDelivery(event, id.New()) {
		t.Error("a delivery's id must depend on event and target alone")
	}
	first, last := id.DeliveryRange(event)
	if bytes.Compare(got[:], first[:]) < 0 || bytes.Compare(got[:], last[:]) > 0 || got.Version() != 7 {
		t.Errorf("%v is outside [%v, %v] or not a UUIDv7", got, first, last)
	}
}
