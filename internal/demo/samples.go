package demo

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/hookline/hookline/internal/accept"
)

// The samples use numbers and names that are reserved for fiction and documentation.

func pick[T any](from ...T) T { return from[mathrand.IntN(len(from))] } //nolint:gosec // sample traffic

func number() string { return fmt.Sprintf("+1202555%04d", 100+mathrand.IntN(100)) } //nolint:gosec // sample traffic

type object = map[string]any

// sample makes up an event: a delivery report, a click, a call.
func sample() accept.Event {
	to, messageID, now := number(), rand.Text()[:16], time.Now().UTC()
	e := accept.Event{
		OccurredAt: now, User: pick("amara", "björn", "chen", "dalia"), Entity: pick("berlin", "lagos", "lima", "osaka"),
		Application: pick("two-factor", "marketing", "support"),
	}
	var data object
	switch mathrand.IntN(8) { //nolint:gosec // sample traffic
	case 0, 1, 2:
		e.Type, e.Resource = "sms.delivery", "ACME"
		data = object{
			"messageId": messageID, "to": to, "sentAt": now.Add(-2 * time.Second), "doneAt": now, "messageCount": 1,
			"price":  object{"pricePerMessage": 0.0042, "currency": "EUR"},
			"status": pick(object{"groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}, object{"groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"}),
		}
	case 3:
		e.Type, e.Resource = "sms.click", "ACME"
		data = object{"messageId": messageID, "to": to, "url": "https://shop.example.com/spring?c=42", "clickedAt": now, "device": pick("iOS", "Android")}
	case 4, 5:
		e.Type, e.Resource = pick("whatsapp.delivery", "whatsapp.seen"), "+12025550142"
		data = object{"messageId": messageID, "from": to, "contact": object{"name": pick("Zoë Ω", "مريم", "田中 さくら")}, "at": now}
	case 6:
		e.Type, e.Resource = "voice_video.call_received", "+12025550199"
		data = object{"callId": messageID, "from": to, "to": "+12025550199", "ringing": true, "startedAt": now}
	default:
		e.Type, e.Resource = "voice_video.call_recording_ready", "+12025550199"
		data = object{"callId": messageID, "durationSeconds": mathrand.IntN(600), "fileId": rand.Text(), "channels": []string{"caller", "agent"}} //nolint:gosec // sample traffic
	}
	e.Payload, _ = json.Marshal(data) // made of plain values
	return e
}
