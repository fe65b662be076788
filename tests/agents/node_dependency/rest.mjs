import { createRequire } from 'node:module';
import tiny from 'tiny-greeting';

const require = createRequire(import.meta.url);

export function mount(app) {
  app.get('/api/greet', (req, res) => res.json({ imported: tiny(), required: require('tiny-greeting')() }));
}
