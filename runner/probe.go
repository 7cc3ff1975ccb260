package runner

// Probe is what `runner probe ADDRESS…` prints, in JSON and on one line: what
// can be reached from inside of a pod.
type Probe struct {
	Interfaces []string  `json:"interfaces"` // that are up, but for the loopback
	Lookups    []Attempt `json:"lookups"`    // by UDP and TCP, of each nameserver in resolv.conf and each that was given as dns:ADDRESS
	Connects   []Attempt `json:"connects"`   // by TCP, to the addresses that were given, in their order
	Tokens     []string  `json:"tokens"`     // files that service accounts have their tokens in
	Leaks      []string  `json:"leaks"`      // what else was open and should not be, such as /proc/1/mem
}

// Attempt is one try to reach somebody.
type Attempt struct {
	Network string `json:"network"` // tcp or udp
	Address string `json:"address"`
	Reached bool   `json:"reached"`         // the connection was made, or the answer came
	Error   string `json:"error,omitempty"` // why not; "connection refused" may be the word of somebody who was reached
}
