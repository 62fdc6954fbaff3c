// The import table of the house, as lint: who may import whom. What needs types is in .oxlintrc.json, which knows them
// in a tenth of the time.
import jsdoc from 'eslint-plugin-jsdoc';
import node from 'eslint-plugin-n';
import tseslint from 'typescript-eslint';

const folders = [
  'contracts',
  'algorithms',
  'workflows',
  'activities',
  'tables',
  'dataset',
  'model',
  'store',
  'report',
  'plugins',
  'workers',
  'client',
  'setup',
  'page/server',
];

/** Folders that each folder may import from (itself is always allowed). */
const mayImport = {
  contracts: [],
  algorithms: ['contracts'],
  workflows: ['contracts', 'algorithms'],
  dataset: ['contracts', 'algorithms'],
  model: ['contracts', 'algorithms'],
  store: ['contracts'],
  tables: ['contracts', 'store'],
  report: ['contracts'],
  activities: ['contracts', 'algorithms', 'tables', 'dataset', 'model', 'store', 'report'],
  plugins: ['activities', 'dataset', 'model', 'store', 'contracts'],
  workers: ['plugins', 'contracts', 'workflows'],
  client: [
    'contracts',
    'algorithms',
    'activities',
    'tables',
    'dataset',
    'store',
    'plugins',
    'workers',
    'setup',
    'workflows',
    // The commands that start it.
    'page/server',
  ],
  setup: ['contracts', 'store'],
  // What the page's server answers; the front-end in page/app is built apart.
  'page/server': ['contracts', 'client', 'tables', 'dataset', 'store', 'report'],
};

/** Folders whose types alone may be imported. */
const typesOnly = { workflows: ['activities'], client: ['workflows'] };

/** Lines of comments; oxfmt lays out the code. */
const COMMENT_LINES = { code: 1000, comments: 120, ignoreUrls: true };

/** Folders of which every export says what it gives: formula, shapes, units, edge cases. */
const DOCUMENTED = ['algorithms', 'dataset', 'model', 'store', 'tables'];

const REQUIRE_DOCSTRING = {
  publicOnly: true,
  enableFixer: false,
  require: { FunctionDeclaration: true, ClassDeclaration: true },
  contexts: ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration', 'ExportNamedDeclaration > VariableDeclaration'],
};

const NO_ENUM = { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' };

/** Texts of a dataset stay texts. */
const NO_MARKUP = {
  selector:
    ':matches(Identifier, JSXIdentifier)[name=/^(innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML)$/]',
  message: 'The page shows texts as text.',
};

/** What the page may not import: of report/ it takes what is pure, of contracts/ all. */
const PAGE_FORBIDDEN = [
  {
    regex:
      '^(\\.\\./)+(?!(\\.\\./|api\\.ts$|contracts/|report/(format|html|palette)\\.ts$|(data|logic|parts|views)/|shell))',
    message: 'page/app/ may import from contracts/, and what is pure of report/.',
  },
  { regex: '^node:', message: 'page/app/ runs in a browser.' },
];

/** Where a source is in the package. */
const BUILT = [{ include: ['**/*.ts'], replace: ['^(.+)\\.ts$', 'dist/$1.js'] }];

/** How deep folders lie within a folder of the house. */
const DEPTHS = [0, 1, 2];

const importRules = folders.flatMap((folder) =>
  DEPTHS.map((depth) => {
    const own = folder.split('/').length;
    const imports = (other) => `^${'\\.\\./'.repeat(depth + own)}${other}/`;
    const isTypesOnly = (other) => (typesOnly[folder] ?? []).includes(other);
    const forbidden = folders.filter(
      (other) => other !== folder && (!mayImport[folder].includes(other) || isTypesOnly(other)),
    );
    const patterns = forbidden.map((other) =>
      isTypesOnly(other)
        ? { regex: imports(other), allowTypeImports: true, message: `${folder}/ may import types only from ${other}/.` }
        : { regex: imports(other), message: `${folder}/ may not import from ${other}/.` },
    );
    // `import()` gives values, so the table holds for it without exceptions.
    const dynamic = forbidden.map((other) => ({
      selector: `ImportExpression[source.value=/${imports(other).replaceAll('/', '\\/')}/]`,
      message: `${folder}/ may not import from ${other}/.`,
    }));
    // What an engine does stands in model/engine.ts; how one does it is its own affair.
    if (!['model', 'setup'].includes(folder))
      patterns.push({
        regex: '/model/(tensorflow|torch)/',
        message: 'Only model/ knows an engine; use model/engine.ts.',
      });
    return {
      files: [`${folder}/${'*/'.repeat(depth)}*.ts`],
      rules: {
        '@typescript-eslint/no-restricted-imports': ['error', { patterns }],
        'no-restricted-syntax': ['error', NO_ENUM, ...dynamic],
      },
    };
  }),
);

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'coverage', 'examples/demo/data', 'test/golden', 'test/fixtures'] },
  ...tseslint.configs.strict,
  {
    files: ['**/*.{ts,tsx}'],
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 80, skipComments: true, skipBlankLines: true }],
      'max-len': ['error', COMMENT_LINES],
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', NO_ENUM],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: { 'max-lines-per-function': 'off' },
  },
  // The page runs in a browser and is bundled: what it imports from the house is pure, and its packages need not be
  // installed with ours.
  {
    files: ['page/app/**/*.{ts,tsx}'],
    ignores: ['page/app/fake/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: PAGE_FORBIDDEN }],
      'no-restricted-syntax': ['error', NO_ENUM, NO_MARKUP],
    },
  },
  // What is installed with the package is all that its code may import: no development tool, nothing that is only there
  // since another package needs it.
  {
    files: ['**/*.{ts,tsx}', 'setup/*.mjs'],
    plugins: { n: node },
    rules: { 'n/no-extraneous-import': 'error' },
  },
  {
    files: ['**/*.ts'],
    ignores: ['test/**', '*.ts', 'setup/kernels.ts', 'page/app/**'],
    plugins: { n: node },
    rules: { 'n/no-unpublished-import': ['error', { convertPath: BUILT, ignoreTypeImport: false }] },
  },
  {
    files: ['**/*.{ts,tsx}'],
    plugins: { jsdoc },
    settings: { jsdoc: { mode: 'typescript' } },
    rules: {
      'jsdoc/check-param-names': ['error', { checkDestructured: false, disableMissingParamChecks: true }],
      'jsdoc/check-tag-names': 'error',
      'jsdoc/no-types': 'error',
    },
  },
  {
    files: DOCUMENTED.map((folder) => `${folder}/**/*.ts`),
    ignores: ['**/*-code.ts'],
    rules: { 'jsdoc/require-jsdoc': ['error', REQUIRE_DOCSTRING] },
  },
  { files: ['**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  ...importRules,
);
