// What Uptime Kuma asks with axios: a test of its connection, and the state of a container.
const axios = require('axios');
const ask = { baseURL: process.env.DOCKER_HOST.replace('tcp:', 'http:'), headers: { Accept: '*/*' } };

(async () => {
  console.log((await axios.request({ ...ask, url: '/containers/json?all=true' })).data.length);
  console.log((await axios.request({ ...ask, url: '/containers/web/json' })).data.State.Status);
})();
