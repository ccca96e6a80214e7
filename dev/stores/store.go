package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"

	"github.com/callvault/callvault/dev/internal/objectstore"
	"github.com/callvault/callvault/dev/internal/ports"
)

const (
	// domain is the one of the stores' virtual hosts. It is never looked up.
	domain = "s3.callvault.test"
	// kmsKey is the key of the stores that can be given one at their start.
	kmsKey = "callvault-key"
)

// store is a store that the suite can run on.
type store struct {
	name string
	// title is the head of its column in docs/stores.md.
	title string
	start func(ctx context.Context, folder string) (*running, error)
}

func versitygw() store {
	return store{name: "versitygw", title: "versitygw 1.8.0", start: func(ctx context.Context, folder string) (*running, error) {
		r := &running{accessKey: newSecret(), secretKey: newSecret(), stop: func() {}}
		gateway, err := objectstore.Start(ctx, objectstore.Options{
			Dir: filepath.Join(folder, "objects"), AccessKey: r.accessKey, SecretKey: r.secretKey, Port: ports.Any, Domain: domain,
		})
		if err != nil {
			return nil, err
		}
		r.endpoint = gateway.Endpoint()
		r.stop = func() { _ = gateway.Stop() } // Its folder is removed in any case.
		return r, nil
	}}
}

func minio() store {
	return store{name: "minio", title: "MinIO 7aac2a2c5b7c", start: func(ctx context.Context, folder string) (*running, error) {
		program, err := cached(ctx, "minio-"+minioVersion, buildMinIO)
		if err != nil {
			return nil, err
		}
		r := &running{accessKey: newSecret(), secretKey: newSecret(), kmsKey: kmsKey}
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		r.endpoint = "http://" + address
		return r, r.launch(folder, []string{
			"MINIO_ROOT_USER=" + r.accessKey, "MINIO_ROOT_PASSWORD=" + r.secretKey, "MINIO_DOMAIN=" + domain,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off",
			"MINIO_KMS_SECRET_KEY=" + kmsKey + ":" + base64.StdEncoding.EncodeToString([]byte(newSecret() + newSecret())[:32]),
		}, program, "server", "--address", address, filepath.Join(folder, "objects"))
	}}
}

func seaweedfs() store {
	return store{name: "seaweedfs", title: "SeaweedFS 7506e5f91cd6", start: func(ctx context.Context, folder string) (*running, error) {
		program, err := cached(ctx, "weed-"+seaweedVersion, buildSeaweedFS)
		if err != nil {
			return nil, err
		}
		r := &running{accessKey: newSecret(), secretKey: newSecret(), kmsKey: kmsKey}
		identities := filepath.Join(folder, "s3.json")
		if err := os.WriteFile(identities, seaweedIdentities(r), 0o600); err != nil {
			return nil, err
		}
		arguments := []string{
			"server", "-dir=" + folder, "-ip=" + ports.Loopback, "-ip.bind=" + ports.Loopback, "-volume.max=100",
			"-master.volumeSizeLimitMB=256", "-s3", "-s3.config=" + identities, "-s3.domainName=" + domain,
			"-filer.localSocket=" + filepath.Join(folder, "filer.sock"), "-s3.localSocket=" + filepath.Join(folder, "s3.sock"),
			"-master.telemetry=false", // It would report to its makers.
		}
		for _, flag := range []string{"master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc", "s3.port.iceberg"} {
			port, err := freePort()
			if err != nil {
				return nil, err
			}
			arguments = append(arguments, "-"+flag+"="+strconv.Itoa(port))
			if flag == "s3.port" {
				r.endpoint = "http://" + ports.Address(port)
			}
		}
		return r, r.launch(folder, []string{"WEED_S3_SSE_KEY=" + newSecret()}, program, arguments...)
	}}
}

// seaweedIdentities returns SeaweedFS's own configuration of one administrator, and of keys for
// SSE-KMS that it makes itself when they are first named.
func seaweedIdentities(r *running) []byte {
	type object = map[string]any
	identities, err := json.Marshal(object{"identities": []object{{
		"name": "callvault", "actions": []string{"Admin", "Read", "Write", "List", "Tagging"},
		"credentials": []object{{"accessKey": r.accessKey, "secretKey": r.secretKey}},
	}}, "kms": object{"default_provider": "local", "providers": object{"local": object{"type": "local", "enableOnDemandCreate": true}}}})
	if err != nil {
		panic(err) // Strings alone are always marshalled.
	}
	return identities
}

// freePort returns a port that was free a moment ago: the stores open it themselves.
func freePort() (int, error) {
	reserved, err := ports.Reserve(ports.Any)
	if err != nil {
		return 0, err
	}
	defer reserved.Release()
	return reserved.Port(), nil
}

func freeAddress() (string, error) {
	port, err := freePort()
	return ports.Address(port), err
}

// rgw runs Ceph's gateway by rgw.sh, or by a command that takes the same arguments.
func rgw(command string) store {
	return store{name: "rgw", title: "Ceph RGW 20.2.4", start: func(_ context.Context, folder string) (*running, error) {
		r := &running{accessKey: newSecret(), secretKey: newSecret(), kmsKey: kmsKey}
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		monitor, err := freeAddress()
		if err != nil {
			return nil, err
		}
		r.endpoint = "http://" + address
		return r, r.launch(folder, nil, command, folder, address, monitor, r.accessKey, r.secretKey, domain, kmsKey)
	}}
}
