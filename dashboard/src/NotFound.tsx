import { Anchor, Center, Stack, Text, Title } from '@mantine/core';
import { navigate } from './route';

export function NotFound() {
  return (
    <Center component="main" mih="100dvh" p="lg">
      <title>Not found · Hookline</title>
      <Stack align="center" gap="xs">
        <Title order={1} size="h3">
          There is no such page
        </Title>
        <Text c="dimmed">The address may have been mistyped.</Text>
        <Anchor
          href="/"
          onClick={(event) => {
            event.preventDefault();
            navigate('/');
          }}
        >
          Go to the live log
        </Anchor>
      </Stack>
    </Center>
  );
}
