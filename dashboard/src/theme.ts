import { createTheme, type MantineColorsTuple } from '@mantine/core';

const line: MantineColorsTuple = [
  '#e6f7f9',
  '#d2eaee',
  '#a6d4dc',
  '#76bdc9',
  '#50aaba',
  '#389eb0',
  '#2898ac',
  '#178496',
  '#0b7285',
  '#006475',
];

const system =
  'ui-sans-serif, -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';

export const theme = createTheme({
  colors: { line },
  primaryColor: 'line',
  primaryShade: { light: 8, dark: 7 },
  fontFamily: system,
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace',
  headings: { fontFamily: system, fontWeight: '650' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
});
