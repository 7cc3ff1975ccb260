package execution

import "time"

// Delivery is one attempt to tell a callback_url how an execution ended. What
// was said, and answered, is not in it.
type Delivery struct {
	ExecutionID ID              `bson:"execution_id"`
	UserID      string          `bson:"user_id"`
	Host        string          `bson:"host"`              // of the URL, with its port if it has one
	Delivery    int             `bson:"delivery"`          // 1 of the one that comes by itself, more of those that were asked for
	Number      int             `bson:"number"`            // of the attempt in its delivery, from 1
	Last        bool            `bson:"last,omitempty"`    // none follows unless somebody asks
	At          time.Time       `bson:"at"`                // of its beginning, to the millisecond, UTC
	Seconds     float64         `bson:"seconds"`           // that it took
	StatusCode  int32           `bson:"status"`            // of the answer; 0: there was none
	Failure     DeliveryFailure `bson:"failure,omitempty"` // none: it was delivered
}

// DeliveryFailure is why an attempt did not deliver.
type DeliveryFailure string

// The failures.
const (
	RefusedURL     DeliveryFailure = "url_refused"     // the platform has other rules now
	RefusedAddress DeliveryFailure = "address_refused" // the name leads to no address of the Internet
	NoSuchName     DeliveryFailure = "dns"
	NotConnected   DeliveryFailure = "connect"
	NotTrusted     DeliveryFailure = "tls"
	NoAnswer       DeliveryFailure = "timeout"
	BrokenOff      DeliveryFailure = "broken" // the connection ended, or what came was no HTTP
	Redirected     DeliveryFailure = "redirect"
	BadAnswer      DeliveryFailure = "status"
	ReceiverGone   DeliveryFailure = "gone"         // the status 410: it wants no more of this
	SwitchedOff    DeliveryFailure = "switched_off" // nothing was sent: too many before have failed
)

// Final reports whether another attempt would come to nothing, too.
func (f DeliveryFailure) Final() bool {
	return f == RefusedURL || f == RefusedAddress || f == ReceiverGone || f == SwitchedOff
}

// CallbackID names the message that tells of the end of id, at each attempt: a
// receiver that has it needs no other.
func CallbackID(id ID) string { return "callback-" + string(id) }
