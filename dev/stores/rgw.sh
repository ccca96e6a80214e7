#!/usr/bin/env bash
# Runs Ceph's object gateway over a cluster of one monitor and one OSD, which keeps its
# objects in memory. All processes end with the last of them. It needs the packages ceph-mon,
# ceph-osd, ceph-common and radosgw; nothing outside of the folder is read or written.
#
#   rgw.sh FOLDER ADDRESS MONITOR-ADDRESS ACCESS-KEY SECRET-KEY DOMAIN KMS-KEY
set -euo pipefail
folder=$1 address=$2 monitor=$3 access=$4 secret=$5 domain=$6 kms=$7
fsid=$(cat /proc/sys/kernel/random/uuid)
osd=$(cat /proc/sys/kernel/random/uuid)
mkdir -p "$folder"/{mon,osd,rgw,run}

cat >"$folder/ceph.conf" <<EOF
[global]
fsid = $fsid
mon host = [v2:$monitor/0]
auth cluster required = none
auth service required = none
auth client required = none
keyring = $folder/keyring
run dir = $folder/run
admin socket =
log file =
log to stderr = true
ms bind ipv6 = false
# Encryption of the connection, which the gateway asks for, needs keys.
ms mon client mode = crc
public addr = 127.0.0.1
cluster addr = 127.0.0.1
mon allow pool size one = true
mon allow pool delete = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4G
osd max object name len = 2048
[mon]
mon data = $folder/mon
[osd]
osd data = $folder/osd
[client]
rgw data = $folder/rgw
rgw dns name = $domain
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = $kms=$(head -c 32 /dev/urandom | base64)
EOF
export CEPH_CONF=$folder/ceph.conf
ceph-authtool --create-keyring "$folder/keyring" --gen-key -n mon. --cap mon 'allow *' \
  --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' >&2

# The kernel ends them with this process, which becomes the gateway.
child() { setpriv --pdeathsig KILL "$@" & }

monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:$monitor/0]" "$folder/monmap" >&2
ceph-mon -c "$CEPH_CONF" --mkfs -i a --monmap "$folder/monmap" --keyring "$folder/keyring" >&2
child ceph-mon -c "$CEPH_CONF" -f -i a
ceph -c "$CEPH_CONF" osd new "$osd" >&2
ceph-osd -c "$CEPH_CONF" --mkfs -i 0 --osd-uuid "$osd" >&2
child ceph-osd -c "$CEPH_CONF" -f -i 0
radosgw-admin -c "$CEPH_CONF" user create --uid callvault --display-name callvault \
  --access-key "$access" --secret-key "$secret" >"$folder/user.json"
exec radosgw -c "$CEPH_CONF" -f -n client.admin --rgw-frontends "beast endpoint=$address"
