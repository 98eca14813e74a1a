package apikey

import "time"

// SetClock makes a take the time from now.
func (a *Authenticator) SetClock(now func() time.Time) { a.now = now }
