#!/bin/sh
# Brings apt's lists of packages in the folder $LISTS up to date, for the root file system $ROOT.
set -eu
mkdir -p "$LISTS/partial"
cat >"$LISTS/../apt.conf" <<END
Dir "$ROOT";
Dir::State::lists "$LISTS";
Dir::Cache "$LISTS/..";
Dir::Etc::Trusted "/etc/apt/trusted.gpg";
Dir::Etc::TrustedParts "/etc/apt/trusted.gpg.d";
APT::Sandbox::User "root";
Acquire::Languages "none";
END
APT_CONFIG="$LISTS/../apt.conf" exec apt-get -q update
