import '@mantine/core/styles.css';
import './main.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { openSession } from './session/session';

openSession();

const root = document.getElementById('root');
if (!root) {
  throw new Error('the page has no element with the id root');
}
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
