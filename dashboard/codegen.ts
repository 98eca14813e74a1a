import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: ['../schema.graphqls', '../graph/schema/*.graphqls'],
  documents: ['src/**/*.{ts,tsx}', '!src/gql/**'],
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        enumsAsTypes: true,
        strictScalars: true,
        useTypeImports: true,
        scalars: {
          Cursor: 'string',
          DateTime: 'string',
          Duration: 'string',
          Int64: 'number',
          JSON: 'unknown',
          Key: 'string',
          URL: 'string',
        },
      },
    },
  },
};

export default config;
