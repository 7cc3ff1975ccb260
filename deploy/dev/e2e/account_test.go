package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

const (
	// tokenLife is the shortest that Kubernetes gives. The suite takes longer: a
	// worker whose token does not change would fail before its end (DF-28).
	tokenLife  = 10 * time.Minute
	tokenRenew = 3 * time.Minute
)

// account is the service account that `codesaga setup` makes for kube workers,
// as they have it: a kubeconfig that names a file with a token, which is another
// one every few minutes.
type account struct {
	cluster *cluster // of an administrator
	folder  string   // of the files
}

func (a *account) kubeconfig() string {
	return filepath.Join(a.folder, a.cluster.namespace+".kubeconfig")
}
func (a *account) token() string { return filepath.Join(a.folder, a.cluster.namespace+".token") }

// open writes both files, and renews the token until the suite ends. Admin is
// the kubeconfig of an administrator.
func (a *account) open(ctx context.Context, admin string) error {
	from, err := clientcmd.BuildConfigFromFlags("", admin)
	if err != nil {
		return err
	}
	config := api.NewConfig()
	config.Clusters["c"] = &api.Cluster{Server: from.Host, CertificateAuthority: from.CAFile, CertificateAuthorityData: from.CAData, InsecureSkipTLSVerify: from.Insecure}
	config.AuthInfos["u"] = &api.AuthInfo{TokenFile: a.token()}
	config.Contexts["c"] = &api.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "c"
	if err := clientcmd.WriteToFile(*config, a.kubeconfig()); err != nil {
		return err
	}
	if err := a.renew(ctx); err != nil {
		return err
	}
	go func() {
		wait := tokenRenew
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			if wait = tokenRenew; a.renew(ctx) != nil { // the API server may be down, in a test
				wait = 5 * time.Second
			}
		}
	}()
	return nil
}

// renew asks for a token. Whoever reads the file finds the old one or the new.
func (a *account) renew(ctx context.Context) error {
	var answer struct {
		Status struct{ Token string }
	}
	body := fmt.Sprintf(`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":%d}}`, int(tokenLife.Seconds()))
	err := a.cluster.do(ctx, http.MethodPost, "/api/v1/namespaces/%s/serviceaccounts/codesaga-kube/token", []byte(body), &answer)
	if err == nil && answer.Status.Token == "" {
		err = errors.New("no token for the account codesaga-kube")
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(a.token()+".new", []byte(answer.Status.Token), 0o600); err != nil {
		return err
	}
	return os.Rename(a.token()+".new", a.token())
}

// refused: no call of a kube worker failed for want of a token or a right, before
// anything was killed. An API server that has just come up refuses everything
// for a moment, because it has not read yet who may do what.
func (a *auditor) refused(context.Context) (errs []error) {
	kept.mu.Lock()
	until := kept.crashing
	kept.mu.Unlock()
	for _, proc := range a.platform.all {
		f, err := os.Open(proc.log)
		if err != nil || !strings.HasPrefix(proc.name, "kube") {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var line struct {
				Time time.Time
				Err  string
			}
			if json.Unmarshal(lines.Bytes(), &line) != nil || !until.IsZero() && line.Time.After(until) {
				continue
			}
			if strings.Contains(line.Err, "Unauthorized") || strings.Contains(line.Err, "is forbidden: User") {
				errs = append(errs, fmt.Errorf("%s: %s", proc.name, line.Err))
			}
		}
		_ = f.Close()
	}
	return errs
}
