package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// What was decoded of a body.
type decoded interface {
	judge(open *lists)
}

type reader struct {
	name   string
	decode func(kind string, body []byte) (decoded, error)
}

var readers = []reader{
	{"docker-20.10", docker20},
	{"docker-28", docker28},
	{"podman", podman},
	{"podman-6", func(kind string, body []byte) (decoded, error) { return rewritten(kind, body, asToLower, podman) }},
	{"loosest", func(kind string, body []byte) (decoded, error) { return rewritten(kind, body, asLoosest, docker20) }},
}

// What create asks for, wherever it stood.
type create struct {
	config     *Config
	host       *HostConfig
	networking *NetworkingConfig
}

// The same of a commit, of which the config alone counts.
func (c create) of(kind string) decoded {
	if kind == "commit" {
		return create{config: c.config}
	}
	return c
}

// Up to 25: the fields of HostConfig are read at the top level too.
type containerConfigWrapper struct {
	*Config
	InnerHostConfig  *HostConfig `json:"HostConfig,omitempty"`
	Cpuset           string
	NetworkingConfig *NetworkingConfig
	*HostConfig
}

// From 26 on.
type createRequest struct {
	*Config
	HostConfig       *HostConfig
	NetworkingConfig *NetworkingConfig
}

type podmanCreate struct {
	Name string
	Config
	HostConfig         HostConfig
	NetworkingConfig   NetworkingConfig
	EnvMerge, UnsetEnv []string
	UnsetEnvAll        bool
}

// Docker 20.10 reads the first value, and ignores what stands behind it. 23 to 25 refuse that, and read the same otherwise.
func docker20(kind string, body []byte) (decoded, error) {
	if kind != "create" && kind != "commit" {
		return other(kind, json.NewDecoder(bytes.NewReader(body)))
	}
	var wrapper containerConfigWrapper
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&wrapper); err != nil {
		return nil, err
	}
	// Where both are there, the outer one adds a few fields to the inner one: of those that are judged, the volume driver alone.
	host := wrapper.HostConfig
	if inner := wrapper.InnerHostConfig; inner != nil {
		if host != nil && host.VolumeDriver != "" && inner.VolumeDriver == "" {
			inner.VolumeDriver = host.VolumeDriver
		}
		host = inner
	}
	return create{wrapper.Config, host, wrapper.NetworkingConfig}.of(kind), nil
}

func docker28(kind string, body []byte) (decoded, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	var result decoded
	if kind == "create" || kind == "commit" {
		var request createRequest
		if err := decoder.Decode(&request); err != nil {
			return nil, err
		}
		result = create{request.Config, request.HostConfig, request.NetworkingConfig}.of(kind)
	} else {
		var err error
		if result, err = other(kind, decoder); err != nil {
			return nil, err
		}
	}
	if decoder.More() {
		return nil, errors.New("unexpected content after JSON")
	}
	return result, nil
}

// podman's API for Docker's clients: the first value, and no top level.
func podman(kind string, body []byte) (decoded, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if kind != "create" && kind != "commit" {
		return other(kind, decoder)
	}
	var request podmanCreate
	if err := decoder.Decode(&request); err != nil {
		return nil, err
	}
	return create{&request.Config, &request.HostConfig, &request.NetworkingConfig}.of(kind), nil
}

func other(kind string, decoder *json.Decoder) (decoded, error) {
	var result decoded
	switch kind {
	case "update":
		result = new(UpdateConfig)
	case "exec":
		result = new(ExecConfig)
	case "volume":
		result = new(VolumeCreate)
	case "network":
		result = new(NetworkCreate)
	case "connect":
		result = new(NetworkConnect)
	case "disconnect":
		result = new(NetworkDisconnect)
	default:
		panic("what is " + kind + "?")
	}
	return result, decoder.Decode(result)
}

// Readers that take other keys for a field: the keys are written as the field's name, and then encoding/json reads them.
func rewritten(kind string, body []byte, key func(string) string, read func(string, []byte) (decoded, error)) (decoded, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var out strings.Builder
	if err := rewrite(decoder, &out, key); err != nil {
		return nil, err
	}
	return read(kind, []byte(out.String()))
}

func rewrite(decoder *json.Decoder, out *strings.Builder, key func(string) string) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	delimiter, ok := token.(json.Delim)
	if !ok {
		return write(out, token)
	}
	out.WriteString(delimiter.String())
	for first := true; decoder.More(); first = false {
		if !first {
			out.WriteByte(',')
		}
		if delimiter == '{' {
			name, err := decoder.Token()
			if err != nil {
				return err
			}
			if err := write(out, key(name.(string))); err != nil {
				return err
			}
			out.WriteByte(':')
		}
		if err := rewrite(decoder, out, key); err != nil {
			return err
		}
	}
	end, err := decoder.Token()
	if err == nil {
		_, err = fmt.Fprint(out, end)
	}
	return err
}

func write(out *strings.Builder, value any) error {
	text, err := json.Marshal(value)
	out.Write(text)
	return err
}

// json-iterator, which podman 6 reads with, compares by strings.ToLower. What that has beyond encoding/json is U+0130 and U+212A.
func asToLower(key string) string {
	return strings.NewReplacer("\u0130", "i", "\u212a", "k").Replace(key)
}

// Whatever any reader drops or takes for another letter, and what none does yet. Only where a field's name results: the names of
// options, which have dashes, stay.
func asLoosest(key string) string {
	plain := strings.NewReplacer("\u0130", "i", "\u0131", "i", "\u212a", "k", "\u017f", "s", "_", "", "-", "").Replace(key)
	if name, ok := names[strings.ToLower(plain)]; ok && plain != key {
		return name
	}
	return key
}

// The names of all fields, by their lower-case forms.
var names = map[string]string{}

func init() {
	for _, root := range []any{containerConfigWrapper{}, podmanCreate{}, UpdateConfig{}, ExecConfig{}, VolumeCreate{}, NetworkCreate{}, NetworkConnect{}, NetworkDisconnect{}} {
		addNames(reflect.TypeOf(root))
	}
}

func addNames(kind reflect.Type) {
	switch kind.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		addNames(kind.Elem())
	case reflect.Struct:
		for i := 0; i < kind.NumField(); i++ {
			field := kind.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" {
				name = field.Name
			}
			names[strings.ToLower(name)] = name
			addNames(field.Type)
		}
	}
}
