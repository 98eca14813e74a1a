package credentials

import "encoding/base64"

// Basic is a user name and a password (RFC 7617).
type Basic struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// value returns the value of the header Authorization, with user name and password in UTF-8.
func (b *Basic) value() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(b.Username+":"+b.Password))
}
