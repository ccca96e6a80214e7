package config

import (
	"regexp"

	"github.com/callvault/callvault/internal/program"
)

// The variables of worker versioning. They are no keys of the file: workers of two versions
// may share one.
const (
	deploymentVariable = "CALLVAULT_DEPLOYMENT"
	buildIDVariable    = "CALLVAULT_BUILD_ID"
)

// deploymentName and buildID are stricter than Temporal: no name of either needs quotes in a
// shell. Temporal takes no dot and no colon in the name of a deployment.
var (
	deploymentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	buildID        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`)
)

// Deployment names the version of a worker for Temporal's worker versioning.
type Deployment struct {
	// Name is that of the worker deployment, the same one for all versions. Defaults to
	// none: the worker is not versioned.
	Name string

	// BuildID tells the versions of a deployment apart. Defaults to the version that the
	// program was built from.
	BuildID string
}

// IsVersioned reports whether the worker takes part in worker versioning.
func (d Deployment) IsVersioned() bool { return d.Name != "" }

func (p *problems) deployment(environment map[string]string) Deployment {
	d := Deployment{Name: environment[deploymentVariable], BuildID: environment[buildIDVariable]}
	switch {
	case d.Name == "" && d.BuildID != "":
		p.add(place{name: buildIDVariable}, "is set without %s: set that too, such as callvault, or unset both for workers without versions", deploymentVariable)
	case d.Name == "":
		return d
	case !deploymentName.MatchString(d.Name):
		p.add(place{name: deploymentVariable}, "%q is not the name of a deployment: want up to 64 letters, digits, _ and -, beginning with a letter or digit", clip(d.Name))
	case d.BuildID == "":
		if d.BuildID = program.BuildID(); d.BuildID == "" {
			p.add(place{name: buildIDVariable}, "is not set, and this program was not built from one commit without changes, so that its version names no single build: set it to what the image is tagged with")
		}
	case !buildID.MatchString(d.BuildID):
		p.add(place{name: buildIDVariable}, "%q is not a build id: want up to 100 letters, digits, . _ + and -, beginning with a letter or digit", clip(d.BuildID))
	}
	return d
}
