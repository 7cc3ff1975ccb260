package callback

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

// secretPrefix begins a secret of Standard Webhooks.
const secretPrefix = "whsec_"

// Secrets sign callbacks, all of them each: while one is being replaced,
// receivers may know the old one or the new.
type Secrets [][]byte

// ParseSecrets reads secrets with commas between: each is whsec_ and 24 to 64
// bytes in base64, as Standard Webhooks has it. Of an empty text there are none.
func ParseSecrets(text string) (all Secrets, err error) {
	if text == "" {
		return nil, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		coded, ok := strings.CutPrefix(strings.TrimSpace(one), secretPrefix)
		key, err := base64.StdEncoding.DecodeString(coded)
		if !ok || err != nil || len(key) < 24 || len(key) > 64 {
			return nil, errors.New("must be " + secretPrefix + " and 24 to 64 bytes in base64") // and never says what it is
		}
		all = append(all, key)
	}
	return all, nil
}

// sign returns the header webhook-signature for a message
// (https://github.com/standard-webhooks/standard-webhooks, "Signature scheme").
func (s Secrets) sign(id, timestamp string, body []byte) string {
	signatures := make([]string, len(s))
	for i, key := range s {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}
