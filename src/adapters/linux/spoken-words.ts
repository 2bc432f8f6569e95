/** Made-up names of containers: how it feels, and somebody who went to sea. */
export const moods: readonly string[] = (
  'able bold brave bright brisk calm candid cheery civil clever daring deft eager fair fond frank fresh gentle glad ' +
  'grand hardy hearty honest jolly jovial keen kind lively loyal lucid mellow merry mild modest neat nimble noble patient ' +
  'placid plucky proud quick quiet ready robust salty serene sharp sober solid sound spry staunch steady stoic sunny ' +
  'supple swift tidy tranquil true trusty upbeat vivid warm wary wise witty zesty'
).split(' ');

export const seafarers: readonly string[] = (
  'amundsen anson baret barents beaufort bering bligh bougainville bowditch cabot cabral cartier champlain columbus cook ' +
  'cousteau dampier davis dias drake dumont elcano erikson fitzroy flinders franklin frobisher gama grenville halley ' +
  'hanno hawkins henry hudson ibnmajid jansz joyon knox laperouse lapita leif macarthur magellan maury nansen nelson ' +
  'niebuhr nordenskiold parry pinzon polo pytheas quiros raleigh ross scoresby shackleton slocum tasman tupaia vancouver ' +
  'vespucci weddell wilkes zheng'
).split(' ');
