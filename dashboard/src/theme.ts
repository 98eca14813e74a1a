import { ActionIcon, Button, createTheme, type MantineColorsTuple, Text } from '@mantine/core';

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

// Text to surfaces; Mantine draws inputs and menus with [6], borders with [4].
const dark: MantineColorsTuple = [
  '#dfe6e9',
  '#b9c4c9',
  '#96a4ab',
  '#6a7980',
  '#36434a',
  '#273136',
  '#1b2327',
  '#161c1f',
  '#0f1416',
  '#0a0e10',
];

const system =
  'ui-sans-serif, -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';

export const theme = createTheme({
  colors: { line, dark },
  primaryColor: 'line',
  primaryShade: 8,
  fontFamily: system,
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace',
  headings: { fontFamily: system, fontWeight: '650' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { c: 'dimmed' } }),
    Text: Text.extend({ defaultProps: { size: 'sm' } }),
    Button: Button.extend({ styles: { label: { fontWeight: 550 } } }),
  },
});
