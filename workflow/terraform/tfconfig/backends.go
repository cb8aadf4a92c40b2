package tfconfig

import (
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// objects is the realm of object stores: one may be reached by another's protocol.
const objects = "object"

// backends are those of Terraform and OpenTofu.
var backends map[string]backendKind

func init() {
	hosted := "token workspaces.project"
	backends = map[string]backendKind{
		"local":  {realm: "local", naming: "path workspace_dir", place: localPlace},
		"remote": {realm: "hosted", naming: "hostname organization workspaces.name workspaces.prefix", others: hosted, place: hostedPlace},
		"cloud":  {realm: "hosted", naming: "hostname organization workspaces.name workspaces.tags workspaces.tags.*", others: hosted, place: hostedPlace},
		"http": {realm: "http", naming: "address", others: "update_method lock_address lock_method unlock_address unlock_method username password skip_cert_verification " +
			"retry_max retry_wait_min retry_wait_max client_ca_certificate_pem client_certificate_pem client_private_key_pem headers", place: httpPlace},
		"azurerm": {realm: "azurerm", naming: "storage_account_name container_name key", others: azurermOthers, place: azurermPlace},
		"consul": {realm: "consul", naming: "path address datacenter", others: "access_token scheme http_auth gzip lock ca_file cert_file key_file",
			place: consulPlace},
		"kubernetes": {realm: "kubernetes", naming: "secret_suffix namespace host config_context", others: "labels in_cluster_config load_config_file username password insecure " +
			"client_certificate client_key cluster_ca_certificate config_path config_paths config_context_auth_info config_context_cluster token exec proxy_url tls_server_name",
			place: kubernetesPlace},
		"pg": {realm: "pg", naming: "conn_str schema_name table_name", others: "skip_schema_creation skip_table_creation index_name skip_index_creation", place: pgPlace},
		"s3": {realm: objects, naming: "bucket key workspace_key_prefix endpoint endpoints.s3 endpoints", others: s3Others, place: s3Place},
		"gcs": {realm: objects, naming: "bucket prefix storage_custom_endpoint", others: "credentials access_token impersonate_service_account " +
			"impersonate_service_account_delegates encryption_key kms_encryption_key universe_domain", place: gcsPlace},
		"cos": {realm: objects, naming: "bucket prefix key endpoint domain", others: "secret_id secret_key security_token region encrypt acl accelerate assume_role " +
			"assume_role_with_saml assume_role_with_web_identity shared_credentials_dir profile cam_role_name", place: cosPlace},
		"oss": {realm: objects, naming: "bucket prefix key endpoint", others: ossOthers, place: ossPlace},
		"oci": {realm: objects, naming: "bucket namespace key workspace_key_prefix", others: "region tenancy_ocid user_ocid fingerprint private_key private_key_path " +
			"private_key_password auth config_file_profile kms_key_id sse_customer_key sse_customer_key_sha256 sse_customer_algorithm", place: ociPlace},
	}
}

const (
	azurermOthers = "subscription_id resource_group_name snapshot environment metadata_host access_key sas_token tenant_id client_id client_id_file_path endpoint " +
		"client_certificate client_certificate_path client_certificate_password client_secret client_secret_file_path use_oidc ado_pipeline_service_connection_id " +
		"oidc_azure_service_connection_id oidc_request_token oidc_request_url oidc_token oidc_token_file_path use_msi msi_endpoint use_cli use_aks_workload_identity use_azuread_auth " +
		"timeout_seconds lookup_blob_endpoint"
	s3Others = "region endpoints.iam endpoints.sts endpoints.sso endpoints.dynamodb dynamodb_endpoint iam_endpoint sts_endpoint sts_region encrypt acl access_key secret_key kms_key_id " +
		"dynamodb_table use_lockfile profile shared_credentials_file shared_credentials_files shared_config_files token skip_credentials_validation skip_metadata_api_check " +
		"skip_region_validation skip_requesting_account_id skip_s3_checksum sse_customer_key role_arn session_name external_id assume_role_duration_seconds assume_role_policy " +
		"assume_role_policy_arns assume_role_tags assume_role_transitive_tag_keys force_path_style use_path_style retry_mode max_retries custom_ca_bundle " +
		"ec2_metadata_service_endpoint ec2_metadata_service_endpoint_mode assume_role assume_role_with_web_identity forbidden_account_ids allowed_account_ids http_proxy https_proxy " +
		"no_proxy insecure use_dualstack_endpoint use_fips_endpoint object_tags lock_tags tags"
	ossOthers = "access_key secret_key security_token ecs_role_name region sts_endpoint tablestore_endpoint tablestore_table tablestore_instance_name encrypt acl " +
		"shared_credentials_file profile assume_role assume_role_role_arn assume_role_session_name assume_role_policy assume_role_session_expiration " +
		"assume_role_with_oidc"
)

// environment are the variables of a run's environment that give what names a
// state, where the configuration does not: "backend.attribute".
var environment = map[string]string{
	"remote.organization": "TF_CLOUD_ORGANIZATION", "cloud.organization": "TF_CLOUD_ORGANIZATION", "http.address": "TF_HTTP_ADDRESS",
	"kubernetes.namespace": "KUBE_NAMESPACE", "pg.conn_str": "PG_CONN_STR", "pg.schema_name": "PG_SCHEMA_NAME", "pg.table_name": "PG_TABLE_NAME",
}

// hostedPlace is of HCP Terraform and its like, by either of two backends.
func hostedPlace(c *composing) []workflow.PlacePart {
	host, instead := c.or("hostname", "app.terraform.io")
	where := part(workflow.PartAddress, hostName(host), instead)
	organization := c.known("organization")
	organization.Value = strings.ToLower(organization.Value)
	name := workflow.PlacePart{Sort: workflow.PartKnown, Value: strings.ToLower(c.workspace)}
	tagged := c.isComputed("workspaces.tags")
	for attribute := range c.attributes {
		tagged = tagged || attribute == "workspaces.tags" || strings.HasPrefix(attribute, "workspaces.tags.")
	}
	_, named := c.attributes["workspaces.name"]
	_, prefixed := c.attributes["workspaces.prefix"]
	switch {
	case named || c.isComputed("workspaces.name"):
		name = c.known("workspaces.name")
	case prefixed || c.isComputed("workspaces.prefix"):
		if name = c.known("workspaces.prefix"); name.Sort == workflow.PartKnown {
			name.Value += c.workspace
		}
	case !tagged || !c.other():
		c.doubt("its `%s` backend names no workspace", c.backend)
		name = *c.unknown()
	}
	if name.Sort == workflow.PartKnown {
		name.Value = strings.ToLower(name.Value)
	}
	return []workflow.PlacePart{where, organization, name}
}

// httpPlace is the path of an address: its host is one of many names, and a query,
// a fragment or a person's name in it may mean nothing to who answers.
func httpPlace(c *composing) []workflow.PlacePart {
	address, instead := c.value("address")
	if instead != nil {
		return []workflow.PlacePart{*instead, *instead}
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		c.doubt("the `address` of its backend is not a valid URL")
		return []workflow.PlacePart{*c.unknown(), *c.unknown()}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[strings.ToLower(u.Scheme)]
	}
	host := hostName(u.Hostname())
	if port != "" && port != "80" && port != "443" {
		host += ":" + port
	}
	name := u.EscapedPath()
	for range 3 { // some that answer decode twice
		decoded, err := url.PathUnescape(name)
		if err != nil || decoded == name {
			break
		}
		name = decoded
	}
	segments := strings.Split(strings.ToLower(strings.ReplaceAll(name, `\`, "/")), "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";") // parameters of a segment are as little as a query
	}
	return []workflow.PlacePart{c.address(host), {Sort: workflow.PartKnown, Value: path.Clean("/" + strings.Join(segments, "/"))}}
}

// hostName is a host without what makes no difference; every name of this machine is one.
func hostName(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	ip := net.ParseIP(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasPrefix(host, "localhost.") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return "localhost"
	}
	if ip != nil {
		return ip.String()
	}
	return host
}

func azurermPlace(c *composing) []workflow.PlacePart {
	account, container, blob := c.known("storage_account_name"), c.known("container_name"), c.known("key")
	account.Value, container.Value = strings.ToLower(account.Value), strings.ToLower(container.Value)
	if blob.Sort == workflow.PartKnown {
		if c.other() {
			blob.Value += "env:" + c.workspace
		}
		blob = c.objectName(blob.Value)
	}
	return []workflow.PlacePart{account, container, blob}
}

func consulPlace(c *composing) []workflow.PlacePart {
	name := c.known("path")
	if name.Sort == workflow.PartKnown {
		if c.other() {
			name.Value += "-env:" + c.workspace
		}
		name = c.objectName(name.Value)
	}
	return []workflow.PlacePart{c.address(hostName(c.attributes["address"]), c.attributes["datacenter"]), name}
}

func kubernetesPlace(c *composing) []workflow.PlacePart {
	secret := c.known("secret_suffix")
	if secret.Sort == workflow.PartKnown {
		secret.Value = "tfstate-" + c.workspace + "-" + secret.Value
	}
	return []workflow.PlacePart{c.address(hostName(c.attributes["host"]), c.attributes["config_context"]), c.defaulted("namespace", "default"), secret}
}

func pgPlace(c *composing) []workflow.PlacePart {
	host, database := c.database()
	return []workflow.PlacePart{host, database, c.defaulted("schema_name", "terraform_remote_state"), c.defaulted("table_name", "states"),
		{Sort: workflow.PartKnown, Value: c.workspace}}
}

// database is the host and the database of a connection string. What is not plainly
// an address with a path is not guessed at.
func (c *composing) database() (host, name workflow.PlacePart) {
	text, instead := c.value("conn_str")
	if instead != nil {
		return *instead, *instead
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		c.doubt("the `conn_str` of its backend is not an address")
		return *c.unknown(), *c.unknown()
	}
	for _, key := range []string{"dbname", "database", "service", "options"} {
		if u.Query().Has(key) {
			c.doubt("the `conn_str` of its backend says `%s`", key)
			return *c.unknown(), *c.unknown()
		}
	}
	host = c.address(hostName(u.Hostname()), u.Port())
	if database := strings.Trim(u.Path, "/"); database != "" {
		return host, workflow.PlacePart{Sort: workflow.PartKnown, Value: database}
	}
	return host, workflow.PlacePart{Sort: workflow.PartGiven} // PGDATABASE, or the name of who connects
}

// Names of S3's own hosts. One with a bucket's name before it makes of the bucket
// a part of the key.
var (
	s3Host    = regexp.MustCompile(`^(bucket\.)?(vpce-[a-z0-9-]+\.)?s3[.-]([a-z0-9-]+\.)*amazonaws\.com(\.cn)?$`)
	s3Aliases = regexp.MustCompile(`^arn:|(-s3alias|--ol-s3|\.mrap)$`)
)

func s3Place(c *composing) []workflow.PlacePart {
	object := c.object("workspace_key_prefix", "env:", "")
	endpoint := c.attributes["endpoints.s3"]
	if endpoint == "" {
		endpoint = c.attributes["endpoint"]
	}
	service := c.address("s3")
	if c.isComputed("endpoints.s3") || c.isComputed("endpoint") {
		service = *c.unknown()
	} else if endpoint != "" {
		name, plainly := objectService(endpoint)
		if service = c.address(name); !plainly {
			c.doubt("the endpoint of its backend may be inside a bucket")
			return []workflow.PlacePart{service, *c.unknown(), *c.unknown()}
		}
	}
	return c.bucket(service, object)
}

// objectService is the service that an endpoint is of. plainly is false where the
// endpoint may be a bucket, or a part of one, rather than the service.
func objectService(endpoint string) (name string, plainly bool) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return endpoint, false
	}
	host := hostName(u.Hostname())
	plainly = strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Opaque == ""
	switch {
	case strings.HasSuffix(host, ".amazonaws.com"), strings.HasSuffix(host, ".amazonaws.com.cn"):
		return "s3", plainly && s3Host.MatchString(host)
	case host == "storage.googleapis.com":
		return "gcs", plainly
	case strings.HasSuffix(host, ".googleapis.com"):
		return "gcs", false
	case strings.HasSuffix(host, ".aliyuncs.com"):
		return "oss", plainly && strings.Count(host, ".") == 2
	case strings.HasSuffix(host, ".myqcloud.com"):
		return "cos", plainly && strings.Count(host, ".") == 3
	}
	return host + ":" + u.Port(), plainly
}

// bucket is an object of the bucket that the attribute names. By a host of one's own
// a bucket's name with a slash may say a part of the object's.
func (c *composing) bucket(service, object workflow.PlacePart) []workflow.PlacePart {
	bucket, instead := c.value("bucket")
	switch {
	case instead != nil && c.attributes["endpoint"]+c.attributes["endpoints.s3"] == "" && !c.isComputed("endpoint") && !c.isComputed("endpoints.s3"):
		return []workflow.PlacePart{service, *instead, object}
	case instead != nil:
		return []workflow.PlacePart{service, *instead, *instead}
	case strings.Contains(bucket, "/"):
		c.doubt("its `bucket` contains a slash")
		return []workflow.PlacePart{service, *c.unknown(), *c.unknown()}
	case s3Aliases.MatchString(bucket):
		c.doubt("its `bucket` is an access point, which does not show which bucket it is")
		return []workflow.PlacePart{service, *c.unknown(), object}
	}
	return []workflow.PlacePart{service, {Sort: workflow.PartKnown, Value: strings.ToLower(bucket)}, object}
}

func gcsPlace(c *composing) []workflow.PlacePart {
	service := "gcs"
	if endpoint := c.attributes["storage_custom_endpoint"]; endpoint != "" {
		service, _ = objectService(endpoint) // the client gives the bucket apart from the address
	}
	prefix, instead := c.or("prefix", "/")
	if instead != nil {
		return c.bucket(c.address(service), *instead)
	}
	return c.bucket(c.address(service), c.objectName(path.Join(prefix, c.workspace+".tfstate")))
}

// below is the name of an object that has a prefix in every Terraform workspace.
func (c *composing) below(prefix, key string) workflow.PlacePart {
	p, instead := c.prefix("prefix", prefix)
	k, insteadOfKey := c.or("key", key)
	switch {
	case instead != nil:
		return *instead
	case insteadOfKey != nil:
		return *insteadOfKey
	case c.other():
		k = path.Join(c.workspace, k)
	}
	return c.objectName(path.Join(p, k))
}

func cosPlace(c *composing) []workflow.PlacePart {
	return c.bucket(c.address("cos"), c.below("/", "terraform.tfstate"))
}

func ossPlace(c *composing) []workflow.PlacePart {
	return c.bucket(c.address("oss"), c.below("env:", "terraform.tfstate"))
}

func ociPlace(c *composing) []workflow.PlacePart {
	namespace, instead := c.value("namespace")
	if instead != nil {
		return c.bucket(*instead, c.object("workspace_key_prefix", "env:", "terraform.tfstate"))
	}
	return c.bucket(c.address("oci", namespace), c.object("workspace_key_prefix", "env:", "terraform.tfstate"))
}
