"""Makes containers anew from what an inspect says of them: recreate.py NAME...

As Watchtower does it: what `Config`, `HostConfig` and `NetworkSettings.Networks` say goes back as it came, but for aliases of the
old ID; further networks are connected afterwards.
"""

import sys

import docker

api = docker.from_env().api
for name in sys.argv[1:]:
    old = api.inspect_container(name)
    networks = old["NetworkSettings"]["Networks"]
    for endpoint in networks.values():
        endpoint["Aliases"] = [alias for alias in endpoint["Aliases"] or [] if alias != old["Id"][:12]]
    first, *others = networks
    api.stop(name, timeout=1)
    api.remove_container(name)
    config = {**old["Config"], "HostConfig": old["HostConfig"], "NetworkingConfig": {"EndpointsConfig": {first: networks[first]}}}
    api.create_container_from_config(config, name)
    for other in others:
        api._post_json(api._url("/networks/{0}/connect", other), {"Container": name, "EndpointConfig": networks[other]})
    api.start(name)
    new = api.inspect_container(name)
    changed = [f"{part}.{key}" for part in ("Config", "HostConfig") for key in new[part] if new[part][key] != old[part].get(key)]
    print(name, changed, sorted(new["NetworkSettings"]["Networks"]), new["State"]["Running"])
