package config

import "testing"

func TestLabels(t *testing.T) {
	for _, tt := range []struct{ pattern, dir, want string }{
		{"{environment}/{component}", "prod/net", "prod net"},
		{"{environment}/{component}", "prod/eu/net", "prod eu/net"},
		{"{environment}/{component}", "prod", " "},
		{"{environment}/{component}", ".", " "},
		{"live/*/{environment}/**/{component}", "live/eu/prod/x/y/net", "prod x/y/net"},
		{"{component}/{environment}", "a/b/prod", "prod a/b"},
		{"{component}/envs/{environment}", "net/envs/dev", "dev net"},
		{"envs/{environment}", "envs/dev", "dev "},
		{"", "a/b", " "},
	} {
		env, component, _ := Labels(tt.pattern, tt.dir)
		if got := env + " " + component; got != tt.want {
			t.Errorf("Labels(%q, %q): got %q, want %q", tt.pattern, tt.dir, got, tt.want)
		}
	}
}
