package archive

import (
	"fmt"
	"net/url"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/callvault/callvault/internal/secret"
)

// Role is one whose temporary keys sign the requests.
type Role struct {
	// ARN names it. Required.
	ARN string
	// Service is the address of the security token service. Required.
	Service *url.URL
	// Region is that of the service. Required.
	Region string
}

// roleSession is how the service's logs call what the keys are used for.
const roleSession = "callvault"

// Assume returns the keys of the role, which are taken with the keys of others. New ones are
// taken before the old ones expire.
func (r Role) Assume(with *credentials.Credentials) *credentials.Credentials {
	return credentials.New(&assumed{role: r, with: with})
}

// assumed is a provider of the keys of a role. Package credentials serializes the calls.
type assumed struct {
	credentials.Expiry
	role Role
	with *credentials.Credentials
}

// Retrieve implements [credentials.Provider].
func (a *assumed) Retrieve() (credentials.Value, error) { return a.RetrieveWithCredContext(nil) }

// RetrieveWithCredContext implements [credentials.Provider].
func (a *assumed) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	keys, err := a.with.GetWithContext(cc)
	if err != nil {
		return credentials.Value{}, fmt.Errorf("the keys to take the role %s with: %w", a.role.ARN, err)
	}
	service := &credentials.STSAssumeRole{
		STSEndpoint: a.role.Service.String(),
		Options: credentials.STSAssumeRoleOptions{
			AccessKey: keys.AccessKeyID, SecretKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
			RoleARN: a.role.ARN, RoleSessionName: roleSession, Location: a.role.Region,
		},
	}
	value, err := service.RetrieveWithCredContext(cc)
	if err != nil {
		return credentials.Value{}, fmt.Errorf("take the role %s: %w", a.role.ARN, err)
	}
	a.SetExpiration(value.Expiration, credentials.DefaultExpiryWindow)
	return value, nil
}

// WebIdentity returns the keys of the role, which are taken with the token of a web identity,
// such as the one that Kubernetes gives a service account. The file is read anew each time.
func (r Role) WebIdentity(token *secret.Source) *credentials.Credentials {
	return credentials.New(&identified{role: r, token: token})
}

// identified is a provider of the keys of a role. Package credentials serializes the calls.
type identified struct {
	credentials.Expiry
	role  Role
	token *secret.Source
}

// Retrieve implements [credentials.Provider].
func (i *identified) Retrieve() (credentials.Value, error) { return i.RetrieveWithCredContext(nil) }

// RetrieveWithCredContext implements [credentials.Provider].
func (i *identified) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	service := &credentials.STSWebIdentity{
		STSEndpoint: i.role.Service.String(),
		RoleARN:     i.role.ARN,
		GetWebIDTokenExpiry: func() (*credentials.WebIdentityToken, error) {
			token, err := i.token.Read()
			return &credentials.WebIdentityToken{Token: token}, err
		},
	}
	value, err := service.RetrieveWithCredContext(cc)
	if err != nil {
		return credentials.Value{}, fmt.Errorf("take the role %s with the web identity: %w", i.role.ARN, err)
	}
	i.SetExpiration(value.Expiration, credentials.DefaultExpiryWindow)
	return value, nil
}
