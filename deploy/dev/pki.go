package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"
)

const tenYears = 10 * 365 * 24 * time.Hour

// makePKI makes what the cluster trusts by: once a CA, the administrator's certificate and the key of service account
// tokens; at each start the serving certificates, because the node's address may have changed. It ends with the
// kubeconfig.
func makePKI(dirs Dirs) error {
	if err := os.MkdirAll(dirs.pki(""), 0o700); err != nil {
		return err
	}
	ca, err := loadCA(dirs)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createPKI(dirs); err != nil {
			return err
		}
		ca, err = loadCA(dirs)
	}
	if err != nil {
		return fmt.Errorf("the cluster's certificates: %w; codesaga-dev reset makes them anew", err)
	}
	localhost, service := net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)
	serving := []struct {
		name  string
		ips   []net.IP
		names []string
	}{
		{"apiserver", []net.IP{localhost, service}, []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}},
		{"kubelet", []net.IP{localhost, net.ParseIP(nodeIP())}, []string{"localhost", nodeName}},
	}
	for _, s := range serving {
		certificate := &x509.Certificate{
			Subject: pkix.Name{CommonName: s.name}, IPAddresses: s.ips, DNSNames: s.names,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		if err := issue(dirs, s.name, certificate, ca); err != nil {
			return err
		}
	}
	return writeKubeconfig(dirs)
}

// createPKI writes ca.crt last: it is what says that the rest is there.
func createPKI(dirs Dirs) error {
	account, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(account.Public())
	if err != nil {
		return err
	}
	if err := writePEM(dirs.pki("sa.pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	if err := writePEM(dirs.pki("sa.key"), "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(account)); err != nil {
		return err
	}
	ca := &authority{certificate: &x509.Certificate{
		Subject: pkix.Name{CommonName: "codesaga-dev"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}}
	if ca.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	validity(ca.certificate)
	self, err := x509.CreateCertificate(rand.Reader, ca.certificate, ca.certificate, ca.key.Public(), ca.key)
	if err != nil {
		return err
	}
	if ca.certificate, err = x509.ParseCertificate(self); err != nil {
		return err
	}
	// The administrator is also who the API server is to the kubelet.
	admin := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := issue(dirs, "admin", admin, ca); err != nil {
		return err
	}
	if err := writeKey(dirs.pki("ca.key"), ca.key); err != nil {
		return err
	}
	return writePEM(dirs.pki("ca.crt"), "CERTIFICATE", self)
}

type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func loadCA(dirs Dirs) (*authority, error) {
	pair, err := tls.LoadX509KeyPair(dirs.pki("ca.crt"), dirs.pki("ca.key"))
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("ca.key cannot sign")
	}
	return &authority{pair.Leaf, key}, nil
}

// issue writes NAME.crt and NAME.key.
func issue(dirs Dirs, name string, certificate *x509.Certificate, ca *authority) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	certificate.KeyUsage = x509.KeyUsageDigitalSignature
	validity(certificate)
	signed, err := x509.CreateCertificate(rand.Reader, certificate, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return err
	}
	if err := writeKey(dirs.pki(name+".key"), key); err != nil {
		return err
	}
	return writePEM(dirs.pki(name+".crt"), "CERTIFICATE", signed)
}

func validity(c *x509.Certificate) {
	serial := make([]byte, 16)
	_, _ = rand.Read(serial) // never fails
	c.SerialNumber = new(big.Int).SetBytes(serial)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(tenYears)
}

func writeKey(path string, key crypto.PrivateKey) error {
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "PRIVATE KEY", encoded)
}

func writePEM(path, kind string, content []byte) error {
	return writeFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
}

func writeKubeconfig(dirs Dirs) error {
	data := map[string]string{}
	for _, name := range []string{"ca.crt", "admin.crt", "admin.key"} {
		content, err := os.ReadFile(dirs.pki(name))
		if err != nil {
			return err
		}
		data[name] = base64.StdEncoding.EncodeToString(content)
	}
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: codesaga-dev
clusters: [{name: codesaga-dev, cluster: {server: "https://%s", certificate-authority-data: %s}}]
users: [{name: admin, user: {client-certificate-data: %s, client-key-data: %s}}]
contexts: [{name: codesaga-dev, context: {cluster: codesaga-dev, user: admin}}]
`, apiAddress, data["ca.crt"], data["admin.crt"], data["admin.key"])
	return writeFile(dirs.kubeconfig(), []byte(text), 0o600)
}

// nodeIP is the first IPv4 address that is not loopback, which the kubelet would refuse; without any it is empty.
func nodeIP() string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	return ""
}
