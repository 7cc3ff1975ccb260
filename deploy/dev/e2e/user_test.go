package e2e

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
)

// Who asks is in a header, as from a proxy that has asked people to sign in.
const (
	userHeader = "X-Test-User"
	somebody   = "ann" // who asks if nobody else is said
	operator   = "op"
)

// signedIn is a transport for requests that do not say who asks.
type signedIn struct{ http.RoundTripper }

func (t signedIn) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(r.Header.Values(userHeader)) == 0 {
		r = r.Clone(r.Context())
		r.Header.Set(userHeader, somebody)
	}
	return t.RoundTripper.RoundTrip(r)
}

var fronts struct {
	mu  sync.Mutex
	all map[string]string // URLs of proxies
}

// front is the URL of a proxy in front of base, in which user has signed in.
func front(base, user string) string {
	user = cmp.Or(user, somebody)
	fronts.mu.Lock()
	defer fronts.mu.Unlock()
	if fronts.all == nil {
		fronts.all = map[string]string{}
	}
	if fronts.all[base+" "+user] == "" {
		target, err := url.Parse(base)
		if err != nil {
			panic(err)
		}
		proxy := httptest.NewServer(&httputil.ReverseProxy{ // until the suite ends
			FlushInterval: -1, // streams go through at once
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.Out.Header.Set(userHeader, user)
			},
		})
		fronts.all[base+" "+user] = proxy.URL
	}
	return fronts.all[base+" "+user]
}
